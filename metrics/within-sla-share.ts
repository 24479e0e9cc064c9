import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const withinSlaShare: Metric = {
  name: 'within_sla_share',
  title: 'Replies within the SLA',
  category: 'coaching',
  unit: { kind: 'ratio' },
  definition: 'Coach replies that came within the SLA (24 hours unless set), divided by all replies of the period.',
  granularities: ['hour', 'day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
