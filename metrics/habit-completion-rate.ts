import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const habitCompletionRate: Metric = {
  name: 'habit_completion_rate',
  title: 'Habit completion rate',
  category: 'habits',
  unit: { kind: 'ratio' },
  definition:
    'What was done of what habits expected in the 7 local days up to each day of the period, pooled over members and days. A habit n times a week expects n over 7 days.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
