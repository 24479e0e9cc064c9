import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const aiNudgeInfluencedShare: Metric = {
  name: 'ai_nudge_influenced_share',
  title: 'AI nudges: influenced share',
  category: 'ai',
  unit: { kind: 'ratio' },
  definition:
    'Delivered nudges followed by a qualifying action within 24 hours without being opened or acted on, divided by the delivered nudges whose 24 hours are over.',
  granularities: ['hour', 'day', 'week', 'month'],
  dimensions: [...memberDimensions, 'persona'],
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
