import { sqlOf } from '../metric.ts'
import { type AlertRule, DAY, MINUTE } from './rule.ts'

export const highRiskShare: AlertRule = {
  name: 'high_risk_share',
  title: 'High churn risk is widespread',
  category: 'churn',
  severity: 'warning',
  description:
    'Of the members active in the last 30 days, the share whose probability of falling silent for 30 days is high (0.5 or more), as of the last closed day. Judged from 10 members on.',
  action:
    'Open the churn risk list, filter the high band and start with members whose reasons a coach can change: unanswered messages, ignored nudges, missed habits.',
  unit: { kind: 'ratio' },
  threshold: 0.25,
  forSeconds: 0,
  everySeconds: 15 * MINUTE,
  windowSeconds: 3 * DAY,
  past: 'series',
  labels: [],
  roles: ['admin'],
  sql: sqlOf(import.meta.url),
}
