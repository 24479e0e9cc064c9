import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const averageStreakDays: Metric = {
  name: 'average_streak_days',
  title: 'Average streak',
  category: 'habits',
  unit: { kind: 'days' },
  definition:
    'Mean streak of the members with a habit that expected something in the last 7 days, a member’s streak being the mean over the habits: consecutive expected days that were done; skipped days and today’s open check do not break it. Target: at least 4.5 days.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  target: { value: 4.5, direction: 'at_least', of: 'value' },
  sql: sqlOf(import.meta.url),
}
