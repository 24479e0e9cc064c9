import { sqlOf } from '../metric.ts'
import { type AlertRule, MINUTE } from './rule.ts'

export const mrrLedgerResidualAlert: AlertRule = {
  name: 'mrr_ledger_residual',
  title: 'The MRR ledger does not close',
  category: 'revenue',
  severity: 'critical',
  description:
    'The sum of MRR changes by plan differs from the customers’ running totals. Always 0, or revenue figures are wrong: the amount is what they are off by, over all currencies.',
  action:
    'Do not publish revenue figures until it is 0. Run the reconciliation, look for the first day on which it differs, and fold the revenue ledger again.',
  unit: { kind: 'money' },
  threshold: 0,
  forSeconds: 15 * MINUTE,
  everySeconds: 5 * MINUTE,
  windowSeconds: 15 * MINUTE,
  past: 'none',
  labels: [],
  roles: ['admin', 'finance'],
  sql: sqlOf(import.meta.url),
}
