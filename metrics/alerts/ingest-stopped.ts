import { sqlOf } from '../metric.ts'
import { type AlertRule, MINUTE } from './rule.ts'

export const ingestStopped: AlertRule = {
  name: 'ingest_stopped',
  title: 'No events arrive',
  category: 'platform',
  severity: 'critical',
  description:
    'Hours since the last event, divided by the longest silence of the 28 days before (at least 2 hours). Above 1.5 the tenant is quieter than it has ever been; nights and weekends are part of its own measure. Judged from 24 hours with events on.',
  action:
    'Check the sender first (service token expired, deployment, queue), then GET /health/ready and the quarantine: rejected events do not count.',
  unit: { kind: 'ratio' },
  threshold: 1.5,
  forSeconds: 5 * MINUTE,
  everySeconds: 5 * MINUTE,
  windowSeconds: 15 * MINUTE,
  past: 'instants',
  labels: [],
  roles: ['admin'],
  sql: sqlOf(import.meta.url),
}
