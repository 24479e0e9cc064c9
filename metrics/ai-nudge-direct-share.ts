import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const aiNudgeDirectShare: Metric = {
  name: 'ai_nudge_direct_share',
  title: 'AI nudges: direct share',
  category: 'ai',
  unit: { kind: 'ratio' },
  definition:
    'Delivered nudges that were opened or acted on through the nudge within 24 hours, divided by the delivered nudges whose 24 hours are over.',
  granularities: ['hour', 'day', 'week', 'month'],
  dimensions: [...memberDimensions, 'persona'],
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
