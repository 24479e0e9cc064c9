import { sqlOf } from '../metric.ts'
import { type AlertRule, DAY, MINUTE } from './rule.ts'

export const wauDrop: AlertRule = {
  name: 'wau_drop',
  title: 'Weekly active members fell',
  category: 'engagement',
  severity: 'warning',
  description:
    'How much smaller weekly active members were in the last complete week (Monday to Sunday, the tenant’s calendar) than in the one before, as a share of it. The running week is never judged. From 10 members on.',
  action:
    'Check first that events still arrive (ingest stopped, app release). Then see which plan, coach or cohort is missing.',
  unit: { kind: 'ratio' },
  threshold: 0.15,
  forSeconds: 0,
  everySeconds: 15 * MINUTE,
  windowSeconds: 8 * DAY,
  past: 'series',
  labels: [],
  roles: ['admin'],
  sql: sqlOf(import.meta.url),
}
