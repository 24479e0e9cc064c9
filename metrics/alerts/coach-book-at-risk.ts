import { sqlOf } from '../metric.ts'
import { type AlertRule, DAY, MINUTE } from './rule.ts'

export const coachBookAtRisk: AlertRule = {
  name: 'coach_book_at_risk',
  title: 'A coach’s book is at risk',
  category: 'churn',
  severity: 'warning',
  description:
    'Per coach: the share of the coach’s members active in the last 30 days whose churn risk is high, as of the last closed day. Judged from 5 members on.',
  action:
    'Look at the coach’s list together: who waits for an answer, who lost a streak. If the whole book sinks, the cause is rarely the members.',
  unit: { kind: 'ratio' },
  threshold: 0.4,
  forSeconds: 0,
  everySeconds: 15 * MINUTE,
  windowSeconds: 3 * DAY,
  past: 'series',
  labels: ['coach'],
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
