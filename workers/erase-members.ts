import { refreshTouched } from '../db/aggregates.ts'
import { eraseBilling } from '../db/erasure/billing.ts'
import { completeErasure } from '../db/erasure/complete.ts'
import { eraseMentions, eraseRows } from '../db/erasure/events.ts'
import { addCounts, type OpenErasure, openErasures } from '../db/erasure/member.ts'
import { eraseAuditParameters, eraseExportRequests, eraseQuarantine, eraseStatistics } from '../db/erasure/traces.ts'
import { withdrawMemberExports } from '../db/exports/jobs.ts'
import { inTransaction } from '../db/tenant.ts'
import { erasedName } from '../sources/member-ids.ts'
import type { WorkerContext } from './context.ts'
import { deleteLeftovers, expireExports } from './expire-exports.ts'
import { eraseFromLanding } from './landing/erase.ts'
import { removeAbandoned } from './scratch.ts'

/** What a statement that began before the erasure wrote meanwhile is found by the next pass. */
const MOST_PASSES = 5

/**
 * Erases every member that was asked for, oldest request first. Each step is a transaction, or finds by itself what is left
 * of it, so that an erasure that was interrupted anywhere simply begins again.
 */
export async function eraseMembers(_payload: unknown, context: WorkerContext): Promise<{ erased: number }> {
  let erased = 0
  for (const erasure of await openErasures(context.database.pool)) {
    if (context.isClosing()) break
    await erase(erasure, context)
    erased += 1
    context.logger.info({ erasure_id: erasure.id, tenant_id: erasure.tenant_id }, 'a member was erased')
  }
  return { erased }
}

async function erase(erasure: OpenErasure, context: WorkerContext): Promise<void> {
  const {
    database: { pool },
    objects,
    masterKey,
  } = context
  for (let pass = 1; (await eraseRows(pool, erasure)) + (await eraseBilling(pool, erasure)) > 0; pass += 1)
    if (pass === MOST_PASSES) throw new Error('rows of an erased member keep appearing')
  await eraseMentions(pool, erasure)
  await eraseQuarantine(pool, erasure)
  await eraseAuditParameters(pool, erasure)
  await eraseExportRequests(pool, erasure)
  await refreshTouched(pool)
  // Whoever needs such an export makes a new one; which of them named this member is not known without opening them.
  await inTransaction(pool, async (client) =>
    addCounts(client, erasure, { exports: await withdrawMemberExports(client, erasure.tenant_id) }),
  )
  await expireExports({}, context)
  await removeAbandoned()
  await deleteLeftovers(context, erasure.tenant_id)
  const landing = { pool, objects, tenant: { id: erasure.tenant_id, slug: erasure.tenant_slug } }
  const member = { id: erasure.subject, replacement: erasedName(erasure.member_hash) }
  await eraseFromLanding(landing, member, (landing_files) => addCounts(pool, erasure, { landing_files }))
  await eraseStatistics(pool, erasure)
  await completeErasure(pool, masterKey, erasure)
}
