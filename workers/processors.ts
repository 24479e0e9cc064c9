import { deliverAlerts } from './alerts/deliver.ts'
import { evaluateAlerts } from './alerts/evaluate.ts'
import { closeDays } from './close-days.ts'
import type { WorkerContext } from './context.ts'
import { eraseMembers } from './erase-members.ts'
import { expireExports } from './expire-exports.ts'
import { foldLedgers } from './fold-ledgers.ts'
import { landTenants } from './land-tenants.ts'
import type { JobName, Payload } from './queues.ts'
import { reconcile } from './reconcile.ts'
import { refreshAggregates } from './refresh-aggregates.ts'
import { runExports } from './run-exports.ts'
import { runPolicies } from './run-policies.ts'
import { scoreChurn } from './score-churn.ts'
import { vacuum } from './vacuum.ts'

/** What is done for each kind of job. */
export const processors: {
  readonly [Name in JobName]: (payload: Payload<Name>, context: WorkerContext) => Promise<unknown>
} = {
  'fold-ledgers': foldLedgers,
  'refresh-aggregates': refreshAggregates,
  'close-days': closeDays,
  'run-policies': runPolicies,
  'erase-members': eraseMembers,
  'land-tenants': landTenants,
  'run-exports': runExports,
  'expire-exports': expireExports,
  reconcile,
  'score-churn': scoreChurn,
  'evaluate-alerts': evaluateAlerts,
  'deliver-alerts': deliverAlerts,
  vacuum,
}
