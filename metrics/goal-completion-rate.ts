import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const goalCompletionRate: Metric = {
  name: 'goal_completion_rate',
  title: 'Goal completion rate',
  category: 'goals',
  unit: { kind: 'ratio' },
  definition:
    'Goals completed in the period divided by active goals: those open at its start plus those created or reopened in it. Target: at least 0.65.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  target: { value: 0.65, direction: 'at_least', of: 'value' },
  sql: sqlOf(import.meta.url),
}
