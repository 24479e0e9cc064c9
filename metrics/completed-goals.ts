import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const completedGoals: Metric = {
  name: 'completed_goals',
  title: 'Completed goals',
  category: 'goals',
  unit: { kind: 'count' },
  definition: 'Goals completed in the period; a goal that is reopened and completed again counts once per completion.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'zero',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
