import { landedFiles, recordVerified } from '../db/landing/books.ts'
import { daysToVerify } from '../db/landing/retention.ts'
import { listTenants } from '../db/tenant.ts'
import type { WorkerContext } from './context.ts'
import { landTenant } from './landing/land.ts'
import { inWorkshop, type Landing } from './landing/store.ts'
import { problemOf } from './landing/verify.ts'
import { leaveRoom } from './pace.ts'

/** A process that has just started has more urgent things to do: this comes again a little later. */
const SETTLED_SECONDS = 300

/** Lands what is due of every tenant, and looks again at the files of days that the retention will ask for. */
export async function landTenants(_payload: unknown, context: WorkerContext): Promise<{ files: number; rows: number }> {
  const { database, objects, logger, queues } = context
  const total = { files: 0, rows: 0 }
  if (process.uptime() < SETTLED_SECONDS) {
    await queues.add('land-tenants', {}, { delayMs: SETTLED_SECONDS * 1000 })
    return total
  }
  for (const tenant of await listTenants(database.pool)) {
    if (context.isClosing()) break
    const landing: Landing = { pool: database.pool, objects, tenant }
    let began = performance.now()
    const landed = await landTenant(landing, async () => {
      await leaveRoom(context, performance.now() - began, 1, 5_000)
      began = performance.now()
      return !context.isClosing()
    })
    total.files += landed.files
    total.rows += landed.rows
    await verifyDue(landing, logger)
    if (landed.files > 0) logger.info({ tenant_id: tenant.id, ...landed }, 'landed')
  }
  return total
}

async function verifyDue(landing: Landing, logger: WorkerContext['logger']): Promise<void> {
  const due = new Set(await daysToVerify(landing.pool, landing.tenant.id))
  if (due.size === 0) return
  const files = await landedFiles(landing.pool, landing.tenant.id)
  await inWorkshop(async (shop) => {
    for (const file of files) {
      if (file.dataset !== 'events' || !due.has(file.part)) continue
      const problem = await problemOf(landing, file, shop)
      await recordVerified(landing.pool, landing.tenant.id, file, problem === undefined)
      if (problem !== undefined)
        logger.error({ object_key: file.object_key, problem }, 'a landed file is not as it should be')
    }
  })
}
