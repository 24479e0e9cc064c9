import { sqlOf } from '../metric.ts'
import { type AlertRule, DAY, MINUTE } from './rule.ts'

export const highRiskShareJump: AlertRule = {
  name: 'high_risk_share_jump',
  title: 'High churn risk is rising fast',
  category: 'churn',
  severity: 'critical',
  description:
    'The share of high-risk members on the last closed day minus the share 7 days before, in points (0.05 = five points). Judged when both days had at least 10 members.',
  action:
    'Ask what changed in the last two weeks: a release, a price, a coach who left, an outage. Compare the share by coach and plan.',
  unit: { kind: 'ratio' },
  threshold: 0.05,
  forSeconds: 0,
  everySeconds: 15 * MINUTE,
  windowSeconds: 3 * DAY,
  past: 'series',
  labels: [],
  roles: ['admin'],
  sql: sqlOf(import.meta.url),
}
