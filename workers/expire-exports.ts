import { exportsToDelete, forgetEnded, forgetFile, knownKeys } from '../db/exports/jobs.ts'
import type { WorkerContext } from './context.ts'

/** A file of this age that neither an export nor a run knows is the rest of a run whose process was lost. */
const ORPHAN_MS = 3600 * 1000
/** How long the list of exports remembers those that ended. */
const REMEMBERED_DAYS = 90
const KEYS_AT_ONCE = 500

/** Deletes the files of exports that are past their 14 days, cancelled or withdrawn, and what lost runs left behind. */
export async function expireExports(
  _payload: unknown,
  context: Pick<WorkerContext, 'database' | 'objects' | 'isClosing'>,
): Promise<{ deleted: number; orphans: number }> {
  const { database, objects } = context
  let deleted = 0
  for (const { id, key } of await exportsToDelete(database.pool)) {
    if (context.isClosing()) break
    await objects.delete(key)
    await forgetFile(database.pool, id)
    deleted += 1
  }
  await forgetEnded(database.pool, REMEMBERED_DAYS)
  return { deleted, orphans: await deleteOrphans(context, 'exports/', ORPHAN_MS) }
}

interface Swept {
  readonly database: Pick<WorkerContext['database'], 'pool'>
  readonly objects: WorkerContext['objects']
}

/** What lost runs of a tenant have left behind goes now, whatever its age: it may hold the member that is being erased. */
export const deleteLeftovers = (context: Swept, tenantId: string) => deleteOrphans(context, `exports/${tenantId}/`, 0)

async function deleteOrphans({ database, objects }: Swept, prefix: string, olderThanMs: number): Promise<number> {
  let orphans = 0
  let old: string[] = []
  const flush = async () => {
    const known = await knownKeys(database.pool, old)
    for (const key of old.filter((one) => !known.has(one))) {
      await objects.delete(key)
      orphans += 1
    }
    old = []
  }
  for await (const { key, modifiedAt } of objects.list(prefix)) {
    if (Date.now() - modifiedAt.getTime() >= olderThanMs) old.push(key)
    if (old.length === KEYS_AT_ONCE) await flush()
  }
  if (old.length > 0) await flush()
  return orphans
}
