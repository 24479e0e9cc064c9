import { sqlOf } from '../metric.ts'
import { type AlertRule, MINUTE } from './rule.ts'

export const aggregateStale: AlertRule = {
  name: 'aggregate_stale',
  title: 'Numbers are not up to date',
  category: 'platform',
  severity: 'warning',
  description:
    'Minutes for which received events have been waiting to be counted: by the ledgers or by the aggregates that follow them.',
  action:
    'See that a worker runs (GET /health/ready, `npm run worker`) and look at its log; nothing is lost meanwhile.',
  unit: { kind: 'minutes' },
  threshold: 30,
  forSeconds: 10 * MINUTE,
  everySeconds: 5 * MINUTE,
  windowSeconds: 15 * MINUTE,
  past: 'none',
  labels: [],
  roles: ['admin'],
  sql: sqlOf(import.meta.url),
}
