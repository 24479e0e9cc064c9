import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const dau: Metric = {
  name: 'dau',
  title: 'Daily active members',
  category: 'engagement',
  unit: { kind: 'count' },
  definition: 'Distinct members with at least one tracked action on the local day.',
  granularities: ['day'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'zero',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
