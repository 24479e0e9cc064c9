import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { type LandedFile, recordLanded } from '../../db/landing/books.ts'
import { type Dataset, SCHEMA_VERSION } from '../../db/landing/datasets.ts'
import { type Content, type Duck, withDuck } from '../../db/landing/parquet.ts'
import { ObjectNotFound, type ObjectStore } from '../../objects/store.ts'
import { inScratchDirectory } from '../scratch.ts'

/** Where files land and whose they are. */
export interface Landing {
  readonly pool: pg.Pool
  readonly objects: ObjectStore
  readonly tenant: { readonly id: string; readonly slug: string }
}

/** Everything that lands of a tenant begins with it. */
export const landingPrefix = (slug: string): string => `landing/tenant=${slug}/`

/** Names are fixed, so that a reader of `*.parquet` never sees a day twice: a file replaces the one before it as a whole. */
export function objectKey(slug: string, dataset: Dataset['name'], part: string): string {
  const directory = `${landingPrefix(slug)}${dataset}/`
  return part === 'all' ? `${directory}${dataset}.parquet` : `${directory}date=${part}/${dataset}.parquet`
}

export const manifestKey = (file: Pick<LandedFile, 'object_key'>): string =>
  file.object_key.replace(/[^/]+$/, 'manifest.json')

/** Where files are made before they land: a directory, and a DuckDB that writes and reads them. */
export interface Workshop {
  readonly directory: string
  readonly duck: Duck
}

/** Runs work in a workshop of its own, of which nothing is left afterwards. */
export const inWorkshop = <T>(work: (shop: Workshop) => Promise<T>): Promise<T> =>
  inScratchDirectory('landing', (directory) => withDuck(directory, (duck) => work({ directory, duck })))

/** sha256 of a stream, hex. */
export async function sha256Of(stream: AsyncIterable<Buffer | string>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of stream) hash.update(chunk)
  return hash.digest('hex')
}

/**
 * Puts a file into the store, reads it back, and only then says so: manifest first, books last. Interrupted before that,
 * the day is still due, and the next run does it again.
 */
export async function publish(
  { pool, objects, tenant }: Landing,
  dataset: Dataset['name'],
  part: string,
  path: string,
  content: Content,
  /** Called when the file is in the store; false: what it was made of has changed meanwhile. */
  isCurrent: () => Promise<boolean>,
  mark = 0,
): Promise<boolean> {
  const object_key = objectKey(tenant.slug, dataset, part)
  const { bytes, sha256 } = await objects.put(object_key, createReadStream(path), {
    contentType: 'application/vnd.apache.parquet',
  })
  if ((await sha256Of(await objects.get(object_key))) !== sha256)
    throw new Error(`${object_key} does not come back as it was stored`)
  if (!(await isCurrent())) return false
  const file: LandedFile = { dataset, part, object_key, bytes, sha256, schema_version: SCHEMA_VERSION, ...content }
  await objects.put(manifestKey(file), Buffer.from(manifestOf(tenant, file)), { contentType: 'application/json' })
  await recordLanded(pool, tenant.id, file, mark)
  return true
}

const manifestOf = (tenant: Landing['tenant'], file: LandedFile): string =>
  `${JSON.stringify({ tenant: tenant.slug, tenant_id: tenant.id, ...file }, null, 2)}\n`

/** Fetches an object into a file; false when there is none. */
export async function download(objects: ObjectStore, key: string, path: string): Promise<boolean> {
  try {
    await pipeline(await objects.get(key), createWriteStream(path, { mode: 0o600 }))
    return true
  } catch (error) {
    if (error instanceof ObjectNotFound) return false
    throw error
  }
}

/** A manifest as it is stored; undefined when there is none or it is damaged. */
export async function readManifest(objects: ObjectStore, file: LandedFile): Promise<Partial<LandedFile> | undefined> {
  try {
    return JSON.parse((await buffer(await objects.get(manifestKey(file)))).toString('utf8')) as Partial<LandedFile>
  } catch (error) {
    if (error instanceof ObjectNotFound || error instanceof SyntaxError) return undefined
    throw error
  }
}
