import { listPolicies, runPolicy } from '../db/jobs.ts'
import type { WorkerContext } from './context.ts'

/** Policies later than this (or twice their own interval, if that is longer) are reported. */
export const POLICY_LAG_LIMIT_SECONDS = 3600

/** Whether a policy is so late that somebody must look. */
export function isLate(policy: { lag_seconds: number; interval_seconds: number }): boolean {
  return policy.lag_seconds > Math.max(POLICY_LAG_LIMIT_SECONDS, 2 * policy.interval_seconds)
}

/**
 * Embedded engine: runs the TimescaleDB policies that are due, one after the other, because it has no scheduler of its
 * own. One that fails is recorded, retried after its retry period and does not keep the others from running.
 * Server: TimescaleDB runs them; only reports those that are late.
 */
export async function runPolicies(_payload: unknown, context: WorkerContext): Promise<{ ran: number; failed: number }> {
  const { database, logger } = context
  const policies = await listPolicies(database)
  for (const policy of policies.filter(isLate))
    logger.error({ policy: policy.name, lag_seconds: Math.round(policy.lag_seconds) }, 'a policy is late')
  let ran = 0
  let failed = 0
  for (const policy of policies.filter(({ due }) => due)) {
    if (context.isClosing()) break
    const started = performance.now()
    const error = await runPolicy(database.pool, policy)
    ran += 1
    const fields = { policy: policy.name, duration_ms: Math.round(performance.now() - started) }
    if (error === undefined) logger.info(fields, 'policy run')
    else {
      failed += 1
      logger.error({ ...fields, err: error }, 'a policy failed')
    }
  }
  return { ran, failed }
}
