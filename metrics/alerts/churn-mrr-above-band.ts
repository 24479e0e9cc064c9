import { sqlOf } from '../metric.ts'
import { type AlertRule, DAY, MINUTE } from './rule.ts'

export const churnMrrAboveBand: AlertRule = {
  name: 'churn_mrr_above_band',
  title: 'Churned MRR is above its usual band',
  category: 'revenue',
  severity: 'critical',
  description:
    'MRR lost to churn in the last 7 closed days, divided by the upper edge of its own band: mean plus two standard deviations of such 7-day sums over the 90 days before (at least 1 % of MRR). Above 1 is outside. Judged once there are 30 days of MRR.',
  action:
    'List the movements of type churn for the week: one large customer is a call, many small ones are a cause (price, payment provider, product). Involuntary churn points to failing cards.',
  unit: { kind: 'ratio' },
  threshold: 1,
  forSeconds: 0,
  everySeconds: 15 * MINUTE,
  windowSeconds: 3 * DAY,
  past: 'series',
  labels: [],
  roles: ['admin', 'finance'],
  sql: sqlOf(import.meta.url),
}
