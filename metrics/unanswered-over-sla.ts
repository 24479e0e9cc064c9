import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const unansweredOverSla: Metric = {
  name: 'unanswered_over_sla',
  title: 'Unanswered over the SLA',
  category: 'coaching',
  unit: { kind: 'count' },
  definition:
    'Runs of member messages that have waited longer than the SLA (24 hours unless set) at the end of the period’s last day; for the running period, at the end of today if nobody answers until then. Grouped by coach: the member’s coach when asking.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'zero',
  roles: ['admin', 'coach'],
  better: 'lower',
  sql: sqlOf(import.meta.url),
}
