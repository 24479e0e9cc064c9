import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const aiSessionResponseRate: Metric = {
  name: 'ai_session_response_rate',
  title: 'AI session rating response rate',
  category: 'ai',
  unit: { kind: 'ratio' },
  definition: 'Ratings given divided by AI sessions ended in the period.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
