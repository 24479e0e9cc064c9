import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { z } from 'zod'
import { loadConfig } from '../config.ts'
import { types } from '../db/types.ts'
import { openObjectStore } from '../objects/open.ts'
import { landDay } from '../workers/landing/land.ts'
import { inWorkshop } from '../workers/landing/store.ts'
import { timed } from './rounds.ts'

/** A process that lands one day and nothing else, so that its memory is that of landing. Its argument is a Task. */

export const task = z.object({
  connection: z.looseObject({}),
  dataDir: z.string(),
  tenant: z.object({ id: z.string(), slug: z.string() }),
  day: z.string(),
})
export type Task = z.infer<typeof task>

export const outcome = z.object({
  ms: z.number(),
  rows: z.number(),
  /** Resident memory at its highest, and before the first row, MB. */
  peakMb: z.number(),
  idleMb: z.number(),
})
export type Outcome = z.infer<typeof outcome>

async function land({ connection, dataDir, tenant, day }: Task): Promise<Outcome> {
  const pool = new pg.Pool({ ...connection, types, max: 2 })
  const objects = await openObjectStore(
    { ...loadConfig({}), dataDir },
    { masterKey: randomBytes(32), origin: 'http://127.0.0.1' },
  )
  try {
    const idleMb = process.memoryUsage.rss() / 1024 / 1024
    let rows = 0
    const ms = await timed(async () => {
      rows = await inWorkshop((shop) => landDay({ pool, objects, tenant }, day, shop))
    })
    return { ms, rows, peakMb: process.resourceUsage().maxRSS / 1024, idleMb }
  } finally {
    await objects.close()
    await pool.end()
  }
}

const [argument] = process.argv.slice(2)
if (argument?.startsWith('{')) process.stdout.write(JSON.stringify(await land(task.parse(JSON.parse(argument)))))
