import { join } from 'node:path'
import { dueDays, type LandedFile, landedFiles, recordVerified, storedEvents } from '../../db/landing/books.ts'
import { datasetNamed } from '../../db/landing/datasets.ts'
import { readParquet } from '../../db/landing/parquet.ts'
import { droppedBefore } from '../../db/landing/retention.ts'
import { ObjectNotFound, type ObjectStore } from '../../objects/store.ts'
import {
  download,
  inWorkshop,
  type Landing,
  landingPrefix,
  manifestKey,
  readManifest,
  sha256Of,
  type Workshop,
} from './store.ts'

export interface Finding {
  readonly object_key: string
  readonly problem: string
}

/**
 * Compares what landed with its manifest, its bytes and, where the day's events are still stored, the database; notes per
 * file whether it was good. `deep` also reads every row of every file. Finds nothing when all is well.
 */
export async function verifyTenant(landing: Landing, options: { deep?: boolean } = {}): Promise<Finding[]> {
  const { pool, objects, tenant } = landing
  const findings: Finding[] = []
  const files = await landedFiles(pool, tenant.id)
  await inWorkshop(async (shop) => {
    for (const file of files) {
      const problem = await problemOf(landing, file, options.deep === true ? shop : undefined)
      await recordVerified(pool, tenant.id, file, problem === undefined)
      if (problem !== undefined) findings.push({ object_key: file.object_key, problem })
    }
  })
  for (const day of await dueDays(pool, tenant.id))
    findings.push({ object_key: day, problem: 'events of this day are to be landed' })
  const expected = new Set(files.flatMap((file) => [file.object_key, manifestKey(file)]))
  for await (const { key } of objects.list(landingPrefix(tenant.slug)))
    if (!expected.has(key)) findings.push({ object_key: key, problem: 'no file of the books' })
  return findings
}

/** What is wrong with one file; undefined: nothing. With a workshop every row of it is read. */
export async function problemOf(landing: Landing, file: LandedFile, shop?: Workshop): Promise<string | undefined> {
  const { pool, objects, tenant } = landing
  const manifest = await readManifest(objects, file)
  if (!manifest) return 'its manifest is missing or damaged'
  for (const field of ['rows', 'fingerprint', 'sha256', 'bytes', 'object_key', 'schema_version'] as const)
    if (manifest[field] !== file[field]) return `${field} of its manifest is not that of the books`
  const sha256 = await digestOf(objects, file.object_key)
  if (sha256 === undefined) return 'the file is missing'
  if (sha256 !== file.sha256) return 'its bytes are not those of the manifest'
  if (shop) {
    const path = join(shop.directory, 'file.parquet')
    await download(objects, file.object_key, path)
    const content = await readParquet(shop.duck, datasetNamed(file.dataset), path)
    if (content.rows !== file.rows || content.fingerprint !== file.fingerprint)
      return 'its rows are not those of the manifest'
  }
  if (file.dataset !== 'events') return undefined
  const dropped = await droppedBefore(pool)
  if (dropped !== null && file.part < dropped) return undefined
  const stored = await storedEvents(pool, tenant.id, file.part)
  if (stored.rows !== file.rows) return `it has ${file.rows} rows, the database ${stored.rows}`
  return stored.fingerprint === file.fingerprint ? undefined : 'its rows are not those of the database'
}

async function digestOf(objects: ObjectStore, key: string): Promise<string | undefined> {
  try {
    return await sha256Of(await objects.get(key))
  } catch (error) {
    if (error instanceof ObjectNotFound) return undefined
    throw error
  }
}
