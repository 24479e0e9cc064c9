import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { Database } from '../db/database.ts'
import { createTenant, type Tenant } from '../db/tenant.ts'
import { dayBefore, fillEvents } from './fill.ts'
import { type Outcome, outcome, type Task } from './landing-process.ts'
import { type Bench, spread, withScratchDatabase } from './rounds.ts'

const MEMBERS = 2_000
const DAY = '2026-01-15'
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

/** A tenant with one day of so many events. */
async function fill({ pool }: Database, slug: string, rows: number): Promise<Tenant> {
  const tenant = await createTenant(pool, { slug, timezone: 'UTC', currency: 'EUR' })
  await fillEvents(pool, tenant.id, { rows, days: 1, members: MEMBERS, to: dayBefore(DAY, -1) }, () => undefined)
  return tenant
}

async function landed(task: Task): Promise<Outcome> {
  const script = fileURLToPath(new URL('landing-process.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', tsx, script, JSON.stringify(task)])
  return outcome.parse(JSON.parse(stdout))
}

/** What a large day costs the process that lands it: a worker, which does other work too. */
export const landing: Bench = {
  name: 'landing',
  title:
    'Landing a day of a million events as Parquet, in a process of its own: peak memory, and that of a tenth of it',
  run: ({ rounds, size, log }) =>
    withScratchDatabase(async (database) => {
      const count = size(1_000_000, 10_000_000)
      const dataDir = await mkdtemp(join(tmpdir(), 'upcoach-bench-landing-'))
      const peaks: number[] = []
      const growth: number[] = []
      const rates: number[] = []
      let idle = 0
      try {
        const tenants = [await fill(database, 'tenth', count / 10), await fill(database, 'whole', count)]
        log(`${Math.round(count * 1.1)} events stored`)
        for (let round = 0; round <= rounds; round += 1) {
          const [tenth, whole] = await inTurn(tenants, ({ id, slug }) =>
            landed({ connection: { ...database.connection }, dataDir, tenant: { id, slug }, day: DAY }),
          )
          if (!tenth || !whole) continue
          log(
            `round ${round}: ${whole.rows} rows in ${(whole.ms / 1000).toFixed(1)} s, peak ${whole.peakMb.toFixed(0)} MB (at a tenth ${tenth.peakMb.toFixed(0)} MB)`,
          )
          if (round === 0) continue
          peaks.push(whole.peakMb)
          growth.push(whole.peakMb / tenth.peakMb)
          rates.push(whole.rows / (whole.ms / 1000))
          idle = whole.idleMb
        }
      } finally {
        await rm(dataDir, { recursive: true, force: true })
      }
      return {
        ratios: [
          spread('landing, peak memory', peaks, undefined, 'MB'),
          spread('peak memory at ten times the rows', growth),
          spread('events landed in a second', rates, undefined, '/s'),
        ],
        notes: [
          `${database.kind} engine, ${rounds} rounds of ${count} and ${count / 10} events; a process that has done nothing yet has ${idle.toFixed(0)} MB`,
        ],
      }
    }),
}

async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const done: R[] = []
  for (const item of items) done.push(await work(item))
  return done
}
