import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'
import type pg from 'pg'
import { z } from 'zod'
import type { Tenant } from '../../db/tenant.ts'
import type { ObjectStore } from '../../objects/store.ts'
import type { Random } from '../../sources/simulator/random.ts'
import { deleteLeftovers } from '../../workers/expire-exports.ts'

const ATTEMPT_MS = 15_000
const PAUSE_MS = 200
const DEADLINE_MS = 180_000
/** A lost worker's export waits for the end of its lease (20 s) and for whoever looks next. */
const PATIENCE_MS = 180_000

const acceptedSchema = z.object({ id: z.uuid() })

export interface AskedExport {
  readonly id: string
  readonly format: string
}

/** Asks for files of different kinds until each request is accepted; one key, so that no answer that was lost makes two. */
export async function askForExports(
  { url, token, random }: { url: string; token: string; random: Random },
  range: { from: string; to: string },
): Promise<AskedExport[]> {
  const asked: AskedExport[] = []
  const formats = [random.pick(['csv', 'parquet'] as const), random.pick(['csv', 'parquet', 'csv', 'pdf'] as const)]
  for (const [n, format] of formats.entries()) {
    await wait(random.int(0, 400))
    const body = format === 'pdf' ? { type: 'overview', format } : { type: 'fact_productivity', format, params: range }
    const deadline = Date.now() + DEADLINE_MS
    for (;;) {
      const id = await ask(`${url}/api/analytics/exports`, token, `chaos-${n}`, body)
      if (id !== undefined) {
        asked.push({ id, format })
        break
      }
      if (Date.now() > deadline) throw new Error('the API did not recover: an export was never accepted')
      await wait(PAUSE_MS)
    }
  }
  return asked
}

async function ask(url: string, token: string, key: string, body: object): Promise<string | undefined> {
  let response: Response
  let text: string
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ATTEMPT_MS),
    })
    text = await response.text()
  } catch {
    return undefined
  }
  if (response.status === 429 || response.status >= 500) return undefined
  if (response.status !== 202) throw new Error(`the API refused a valid export: ${response.status} ${text}`)
  return acceptedSchema.parse(JSON.parse(text)).id
}

interface Row {
  readonly id: string
  readonly status: string
  readonly error: string | null
  readonly s3_url: string | null
  readonly sha256: string | null
}

/**
 * Each accepted export is completed once, with the file that its row describes; no row waits or runs; once the platform has swept up
 * after lost runs, no file is there that belongs to no row.
 */
export async function exportsAreWhole(
  pool: pg.Pool,
  objects: ObjectStore,
  tenant: Tenant,
  asked: readonly AskedExport[],
): Promise<string[]> {
  const deadline = Date.now() + PATIENCE_MS
  let rows: Row[]
  for (;;) {
    rows = (
      await pool.query<Row>(
        'select id, status, error, s3_url, sha256 from analytics.report_jobs where tenant_id = $1',
        [tenant.id],
      )
    ).rows
    if (rows.every(({ status }) => status !== 'queued' && status !== 'running') || Date.now() > deadline) break
    await wait(PAUSE_MS)
  }
  const wrong = asked.flatMap(({ id, format }) => {
    const row = rows.find((one) => one.id === id)
    if (row === undefined) return [`an accepted export (${format}) is not there`]
    return row.status === 'completed' ? [] : [`an export (${format}) is ${row.status} (${row.error ?? 'no error'})`]
  })
  if (rows.length !== asked.length) wrong.push(`${asked.length} exports were accepted, ${rows.length} are there`)
  for (const { s3_url: key, sha256 } of rows) {
    if (key === null) continue
    const hash = createHash('sha256')
    const isThere = await objects.get(key).then(
      (stream) => pipeline(stream, hash).then(() => true),
      () => false,
    )
    if (!isThere) wrong.push('the file of a completed export is not there')
    else if (hash.digest('hex') !== sha256) wrong.push('the file of an export is not the one its row describes')
  }
  await deleteLeftovers({ database: { pool }, objects }, tenant.id)
  const keys: string[] = []
  for await (const { key } of objects.list(`exports/${tenant.id}/`)) keys.push(key)
  const orphans = keys.filter((key) => !rows.some(({ s3_url }) => s3_url === key))
  const lost = rows.filter(({ s3_url }) => s3_url !== null && !keys.includes(s3_url))
  return [
    ...wrong,
    ...(orphans.length > 0 ? [`${orphans.length} files belong to no export`] : []),
    ...(lost.length > 0 ? ['the sweep took the file of an export'] : []),
  ]
}
