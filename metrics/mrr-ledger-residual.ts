import { type Metric, sqlOf } from './metric.ts'

export const mrrLedgerResidual: Metric = {
  name: 'mrr_ledger_residual',
  title: 'Residual of the MRR ledger',
  category: 'revenue',
  unit: { kind: 'money' },
  definition:
    'What start + new + reactivation + expansion − contraction − churn + fx = end is off by, over all currencies: the sums of changes per plan against the customers’ running totals, kept apart from them. Always 0, or the ledger is wrong.',
  granularities: ['day', 'week', 'month'],
  dimensions: [],
  additive: true,
  empty: 'zero',
  roles: ['admin', 'finance'],
  sql: sqlOf(import.meta.url),
}
