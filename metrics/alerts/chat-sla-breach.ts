import { sqlOf } from '../metric.ts'
import { type AlertRule, MINUTE } from './rule.ts'

export const chatSlaBreach: AlertRule = {
  name: 'chat_sla_breach',
  title: 'Members wait too long for an answer',
  category: 'coaching',
  severity: 'warning',
  description:
    'Conversations in which a member has been waiting for a coach for longer than the SLA (setting sla_hours, 24 unless set). AI messages do not stop the clock.',
  action: 'Answer them, oldest first; if one coach holds most of them, share the book out.',
  unit: { kind: 'count' },
  threshold: 0,
  forSeconds: 15 * MINUTE,
  everySeconds: 5 * MINUTE,
  windowSeconds: 15 * MINUTE,
  past: 'instants',
  labels: [],
  roles: ['admin'],
  sql: sqlOf(import.meta.url),
}
