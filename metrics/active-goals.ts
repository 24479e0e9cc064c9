import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const activeGoals: Metric = {
  name: 'active_goals',
  title: 'Active goals',
  category: 'goals',
  unit: { kind: 'count' },
  definition:
    'Goals open at the start of the period plus goals created or reopened in it. A goal belongs to the plan, coach and signup cohort its member had when it was opened.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'zero',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
