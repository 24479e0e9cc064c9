import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const activeMinutes: Metric = {
  name: 'active_minutes',
  title: 'Active minutes',
  category: 'engagement',
  unit: { kind: 'minutes' },
  definition:
    'Minutes members spent active: within a session, the gaps between consecutive actions count in full up to 5 minutes and not at all beyond; a gap belongs to the hour it starts in.',
  granularities: ['hour', 'day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'zero',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
