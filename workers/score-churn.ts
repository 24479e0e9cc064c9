import { fitTenant, isFitDue } from '../db/churn/fit.ts'
import { dueForScoring, scoreTenant } from '../db/churn/score.ts'
import type { WorkerContext } from './context.ts'
import { leaveRoom } from './pace.ts'

/**
 * Scores every tenant whose local day is over and counted, in its own zone; once a week its model is fitted again first.
 * One tenant that fails does not keep the others from being scored; the job then fails with its error.
 */
export async function scoreChurn(
  _payload: unknown,
  context: WorkerContext,
): Promise<{ tenants: number; scores: number; fitted: number }> {
  const { database, logger, isClosing } = context
  const { pool } = database
  const result = { tenants: 0, scores: 0, fitted: 0 }
  let failure: unknown
  for (const tenant of await dueForScoring(pool)) {
    if (isClosing()) break
    const began = performance.now()
    const { tenant_id } = tenant
    try {
      const training = isFitDue(tenant) ? await fitTenant(pool, tenant) : undefined
      if (training) {
        result.fitted += 1
        logger.info({ tenant_id, accepted: training.accepted, reason: training.reason }, 'churn model fitted')
      }
      const { scores } = await scoreTenant(pool, tenant, isClosing)
      result.tenants += 1
      result.scores += scores
    } catch (error) {
      logger.error({ tenant_id, err: error }, 'churn scoring failed')
      failure ??= error
    }
    await leaveRoom(context, performance.now() - began, 1, 10_000)
  }
  if (result.scores > 0) await context.queues.add('refresh-aggregates', {})
  if (failure !== undefined) throw failure
  return result
}
