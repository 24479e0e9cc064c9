import { sqlOf } from '../metric.ts'
import { type AlertRule, MINUTE } from './rule.ts'

export const jobFailing: AlertRule = {
  name: 'job_failing',
  title: 'A recurring job keeps failing',
  category: 'platform',
  severity: 'critical',
  description:
    'Per recurring job of the platform: failed runs since the last success. The jobs serve all tenants; jobs that have not run for a week are left out.',
  action:
    'Read the worker’s log for that job (`a job failed`); GET /metrics shows since when. Retries go on by themselves.',
  unit: { kind: 'count' },
  threshold: 2,
  forSeconds: 0,
  everySeconds: 5 * MINUTE,
  windowSeconds: 15 * MINUTE,
  past: 'none',
  labels: ['job'],
  roles: ['admin'],
  sql: sqlOf(import.meta.url),
}
