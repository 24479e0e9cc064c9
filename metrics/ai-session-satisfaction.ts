import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const aiSessionSatisfaction: Metric = {
  name: 'ai_session_satisfaction',
  title: 'AI session satisfaction',
  category: 'ai',
  unit: { kind: 'score' },
  definition:
    'Mean rating (1 to 5) members gave after AI sessions. Target: at least 4.2. The denominator is the number of ratings.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  target: { value: 4.2, direction: 'at_least', of: 'value' },
  sql: sqlOf(import.meta.url),
}
