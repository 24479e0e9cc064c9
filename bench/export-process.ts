import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { z } from 'zod'
import { loadConfig } from '../config.ts'
import { types } from '../db/types.ts'
import { openObjectStore } from '../objects/open.ts'
import { performExport } from '../workers/exports/perform.ts'
import { timed } from './rounds.ts'

/** A process that makes one export and nothing else, so that its memory is that of the export. Its argument is a Task. */

export const task = z.object({
  kind: z.enum(['embedded', 'server']),
  connection: z.looseObject({}),
  dataDir: z.string(),
  tenantId: z.string(),
  format: z.enum(['csv', 'parquet']),
  from: z.string(),
  to: z.string(),
  /** A few days of the range: a worker has made exports before. */
  warmUpTo: z.string(),
})
export type Task = z.infer<typeof task>

export const outcome = z.object({
  ms: z.number(),
  /** Resident memory at its highest, MB. */
  peakMb: z.number(),
  /** Before the first row. */
  idleMb: z.number(),
  bytes: z.number(),
  rows: z.number(),
})
export type Outcome = z.infer<typeof outcome>

async function perform({ kind, connection, dataDir, tenantId, format, from, to, warmUpTo }: Task): Promise<Outcome> {
  const pool = new pg.Pool({ ...connection, types, max: 2 })
  const objects = await openObjectStore(
    { ...loadConfig({}), dataDir },
    { masterKey: randomBytes(32), origin: 'http://127.0.0.1' },
  )
  const make = (until: string) =>
    performExport(
      {
        id: randomUUID(),
        tenantId,
        format,
        payload: { type: 'fact_productivity', from, to: until },
        run: randomUUID(),
        attempts: 1,
      },
      { database: { kind, pool }, objects, signal: new AbortController().signal, onProgress: () => undefined },
    )
  try {
    const idleMb = process.memoryUsage.rss() / 1024 / 1024
    await make(warmUpTo)
    let made = { bytes: 0, rows: 0 }
    const ms = await timed(async () => {
      made = await make(to)
    })
    const { bytes, rows } = made
    return { ms, peakMb: process.resourceUsage().maxRSS / 1024, idleMb, bytes, rows }
  } finally {
    await objects.close()
    await pool.end()
  }
}

const [argument] = process.argv.slice(2)
if (argument?.startsWith('{')) process.stdout.write(JSON.stringify(await perform(task.parse(JSON.parse(argument)))))
