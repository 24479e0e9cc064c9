import { type Metric, sqlOf } from './metric.ts'

export const subscriberChurnRate: Metric = {
  name: 'subscriber_churn_rate',
  title: 'Subscriber churn rate',
  category: 'revenue',
  unit: { kind: 'ratio' },
  definition:
    'Customers who stopped paying in the 30 days that end with the period / (customers paying 30 days before + new ones in those days). Stripe’s definition.',
  granularities: ['day', 'week', 'month'],
  dimensions: [],
  additive: false,
  empty: 'null',
  roles: ['admin', 'finance'],
  better: 'lower',
  sql: sqlOf(import.meta.url),
}
