import { dueRules, evaluateRules } from '../../db/alerts/store.ts'
import { listTenants } from '../../db/tenant.ts'
import { alertRules } from '../../metrics/alerts/catalog.ts'
import type { WorkerContext } from '../context.ts'
import { leaveRoom } from '../pace.ts'

/**
 * Evaluates the rules that are due, for every tenant, and keeps their state. What began to fire or was resolved is then
 * delivered. A tenant that fails does not keep the others from being judged; the job then fails with its error.
 */
export async function evaluateAlerts(
  _payload: unknown,
  context: WorkerContext,
): Promise<{ evaluated: number; changes: number }> {
  const { database, logger, queues } = context
  const result = { evaluated: 0, changes: 0 }
  let failure: unknown
  for (const tenant of await listTenants(database.pool)) {
    if (context.isClosing()) break
    const began = Date.now()
    try {
      const now = new Date()
      const rules = await dueRules(database.pool, tenant.id, alertRules, now)
      if (rules.length === 0) continue
      const changes = await evaluateRules(database.pool, tenant, rules, now)
      result.evaluated += rules.length
      result.changes += changes.length
      for (const { rule, status, labels, value } of changes)
        logger.warn({ tenant: tenant.slug, rule, status, labels, value }, 'an alert changed')
    } catch (error) {
      logger.error({ tenant: tenant.slug, err: error }, 'alert rules could not be evaluated')
      failure ??= error
    }
    await leaveRoom(context, Date.now() - began, 1, 5_000)
  }
  if (result.changes > 0) await queues.add('deliver-alerts', {})
  if (failure !== undefined) throw failure
  return result
}
