import { sqlOf } from '../metric.ts'
import { type AlertRule, DAY, MINUTE } from './rule.ts'

export const streakBreakers: AlertRule = {
  name: 'streak_breakers',
  title: 'Long streaks broke',
  category: 'engagement',
  severity: 'info',
  description:
    'Members who had a habit streak of at least 14 days, missed it, and checked no habit at all on the three closed days since. Each counts once, on the third day.',
  action: 'A personal message now works best: acknowledge the streak, offer a smaller step, do not blame.',
  unit: { kind: 'count' },
  threshold: 2,
  forSeconds: 0,
  everySeconds: 15 * MINUTE,
  windowSeconds: 3 * DAY,
  past: 'series',
  labels: [],
  roles: ['admin'],
  sql: sqlOf(import.meta.url),
}
