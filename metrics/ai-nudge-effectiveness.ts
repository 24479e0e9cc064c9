import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const aiNudgeEffectiveness: Metric = {
  name: 'ai_nudge_effectiveness',
  title: 'AI nudge effectiveness',
  category: 'ai',
  unit: { kind: 'ratio' },
  definition:
    'Delivered nudges followed by a qualifying action of the member (session, habit check, goal progress, message) within 24 hours after delivery, divided by the delivered nudges whose 24 hours are over. One action can serve several nudges.',
  granularities: ['hour', 'day', 'week', 'month'],
  dimensions: [...memberDimensions, 'persona'],
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
