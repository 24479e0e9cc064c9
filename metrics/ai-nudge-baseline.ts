import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const aiNudgeBaseline: Metric = {
  name: 'ai_nudge_baseline',
  title: 'AI nudge baseline',
  category: 'ai',
  unit: { kind: 'ratio' },
  definition:
    'How often the same members act unprompted: of the local days that are over, of members nudged in the 30 days before, without a nudge on the day or the day before, the share with a qualifying action.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
