import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const sessionsPerUser: Metric = {
  name: 'sessions_per_user',
  title: 'Sessions per active member',
  category: 'engagement',
  unit: { kind: 'count' },
  definition:
    'Sessions started in the period divided by the distinct members active in it. A session is a run of actions with one session id (or none) without a gap longer than the session limit (30 minutes unless set).',
  granularities: ['hour', 'day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
