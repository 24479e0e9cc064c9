import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const aiNudgeLift: Metric = {
  name: 'ai_nudge_lift',
  title: 'AI nudge lift',
  category: 'ai',
  unit: { kind: 'ratio' },
  definition:
    'Nudge effectiveness divided by the baseline (the same members’ rate of action on days without a nudge), minus 1: 0.25 means nudged members act 25 % more often.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: false,
  empty: 'null',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
