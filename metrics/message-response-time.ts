import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const messageResponseTime: Metric = {
  name: 'message_response_time',
  title: 'Message response time (median)',
  category: 'coaching',
  unit: { kind: 'seconds' },
  definition:
    'Median seconds until a coach answers. A run of member messages waits from its first message until the first coach message; AI messages do not stop the clock. Over all replies of the period, by the time of the reply; approximate (percentile sketch), never a mean of percentiles. Grouped by coach: the coach who replied.',
  granularities: ['hour', 'day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: false,
  empty: 'null',
  roles: ['admin', 'coach'],
  better: 'lower',
  sql: sqlOf(import.meta.url),
}
