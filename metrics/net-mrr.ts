import { type Metric, sqlOf } from './metric.ts'

export const netMrr: Metric = {
  name: 'net_mrr',
  title: 'MRR',
  category: 'revenue',
  unit: { kind: 'money' },
  definition:
    'Monthly recurring revenue at the end of the period (or today): the sum of all changes in the MRR ledger up to then, converted at that day’s closing exchange rate. Trials, taxes, metered and one-time prices do not count; docs/revenue.md has every rule.',
  granularities: ['day', 'week', 'month'],
  dimensions: ['plan', 'currency', 'provider'],
  additive: true,
  empty: 'zero',
  roles: ['admin', 'finance'],
  sql: sqlOf(import.meta.url),
}
