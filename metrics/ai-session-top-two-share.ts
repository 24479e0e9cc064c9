import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const aiSessionTopTwoShare: Metric = {
  name: 'ai_session_top_two_share',
  title: 'AI sessions rated 4 or 5',
  category: 'ai',
  unit: { kind: 'ratio' },
  definition: 'Ratings of 4 or 5 divided by all ratings of AI sessions.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
