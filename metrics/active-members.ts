import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const activeMembers: Metric = {
  name: 'active_members',
  title: 'Active members',
  category: 'engagement',
  unit: { kind: 'count' },
  definition:
    'Distinct members with at least one tracked action in the period (hour, calendar day, ISO week or calendar month in the tenant’s zone). System events (nudges sent, coach and AI messages, billing) do not count. Grouped, a member counts once, under the plan and coach of the first active hour or day of the period.',
  granularities: ['hour', 'day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'zero',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
