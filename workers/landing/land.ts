import { createWriteStream } from 'node:fs'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  dueDays,
  eventLines,
  forgetLanded,
  landedFiles,
  lastMark,
  relationLines,
  storedEvents,
} from '../../db/landing/books.ts'
import { events, type Relation, relations } from '../../db/landing/datasets.ts'
import { cutIntoParts, writeParquet } from '../../db/landing/parquet.ts'
import { droppedBefore } from '../../db/landing/retention.ts'
import { inWorkshop, type Landing, manifestKey, objectKey, publish, type Workshop } from './store.ts'

/** A day that changes while it lands is read again. */
const MOST_TRIES = 5

export interface Landed {
  readonly files: number
  readonly rows: number
}

/** Lands everything of a tenant that is due. `goOn` is asked between two files. */
export function landTenant(landing: Landing, goOn: () => boolean | Promise<boolean> = () => true): Promise<Landed> {
  return inWorkshop(async (shop) => {
    const total = { files: 0, rows: 0 }
    for (const day of await dueDays(landing.pool, landing.tenant.id)) {
      if (!(await goOn())) return total
      total.rows += await landDay(landing, day, shop)
      total.files += 1
    }
    for (const relation of relations) {
      if (!(await goOn())) return total
      const landed = await landRelation(landing, relation, shop)
      total.files += landed.files
      total.rows += landed.rows
    }
    return total
  })
}

/** Lands one UTC day of events as it is now; returns its rows. */
export async function landDay(landing: Landing, day: string, shop: Workshop): Promise<number> {
  for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
    const rows = await tryDay(landing, day, shop)
    if (rows !== undefined) return rows
  }
  throw new Error(`events of ${day} keep changing while they land`)
}

async function tryDay(landing: Landing, day: string, { directory, duck }: Workshop): Promise<number | undefined> {
  const { pool, tenant } = landing
  const mark = await lastMark(pool, tenant.id, day)
  const lines = join(directory, 'events.ndjson')
  const path = join(directory, 'events.parquet')
  await pipeline(Readable.from(eventLines(pool, tenant.id, day)), createWriteStream(lines, { mode: 0o600 }))
  const content = await writeParquet(duck, events, lines, path)
  const isCurrent = async () => {
    const stored = await storedEvents(pool, tenant.id, day)
    return stored.rows === content.rows && stored.fingerprint === content.fingerprint
  }
  if (content.rows > 0)
    return (await publish(landing, 'events', day, path, content, isCurrent, mark)) ? content.rows : undefined
  if (!(await isCurrent())) return undefined
  await withdraw(landing, 'events', day, mark)
  return 0
}

/** Removes a file that has no rows any more, its books last. */
async function withdraw(
  { pool, objects, tenant }: Landing,
  dataset: 'events' | Relation['name'],
  part: string,
  mark = 0,
) {
  const key = objectKey(tenant.slug, dataset, part)
  await objects.delete(key)
  await objects.delete(manifestKey({ object_key: key }))
  await forgetLanded(pool, tenant.id, dataset, part, mark)
}

/**
 * Lands the parts of a relation that are not as they were. Days that lost rows to the retention stay as they landed: from
 * the day on that is the first of which all raw events are still there.
 */
export async function landRelation(
  landing: Landing,
  relation: Relation,
  { directory, duck }: Workshop,
): Promise<Landed> {
  const { pool, tenant } = landing
  const dropped = await droppedBefore(pool)
  // A local day begins up to 14 hours before the UTC day of its date.
  const from = dropped === null ? '' : nextDay(dropped)
  const isLive = (part: string) => part === 'all' || part >= from
  const known = new Map(
    (await landedFiles(pool, tenant.id))
      .filter(({ dataset, part }) => dataset === relation.name && isLive(part))
      .map((file) => [file.part, file]),
  )
  const lines = join(directory, 'rows.ndjson')
  const path = join(directory, 'part.parquet')
  await writeFile(lines, '', { mode: 0o600 })
  await relationLines(pool, tenant.id, relation, (page) => appendFile(lines, page))
  const total = { files: 0, rows: 0 }
  for (const part of await cutIntoParts(duck, relation, lines)) {
    if (!isLive(part.part)) continue
    const before = known.get(part.part)
    known.delete(part.part)
    if (before?.fingerprint === part.fingerprint && before.rows === part.rows) continue
    const content = await part.write(path)
    await publish(landing, relation.name, part.part, path, content, async () => true)
    total.files += 1
    total.rows += content.rows
  }
  for (const part of known.keys()) await withdraw(landing, relation.name, part)
  return total
}

const nextDay = (day: string): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10)
