import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import copyStreams from 'pg-copy-streams'
import { loadConfig } from '../config.ts'
import type { Database } from '../db/database.ts'
import { createTenant, type Tenant } from '../db/tenant.ts'
import { openObjectStore } from '../objects/open.ts'
import { performExport } from '../workers/exports/perform.ts'
import { type Bench, spread, timed, withScratchDatabase } from './rounds.ts'

/** Rows of the larger export; the smaller one has a tenth. BENCH_EXPORT_ROWS changes it. */
const ROWS = Number(process.env.BENCH_EXPORT_ROWS ?? 1_000_000)
const MEMBERS = 2_000
const FROM = '2024-12-01'
const SAMPLE_MS = 20
const formats = ['csv', 'parquet'] as const

interface Filled {
  readonly tenant: Tenant
  readonly to: string
}

/** Member-days of one tenant, written straight into the ledger that `fact_productivity` is derived from. */
async function fill(database: Database, slug: string, rows: number): Promise<Filled> {
  const tenant = await createTenant(database.pool, { slug, timezone: 'UTC', currency: 'EUR' })
  const days = Math.ceil(rows / MEMBERS)
  for (let first = 0; first < days; first += 50)
    await database.pool.query(
      `insert into analytics.member_days (tenant_id, user_id, day, actions, active_seconds, sessions, first_in_week,
         first_in_month, first_in_signup_week, is_last, signup_plan, signup_coach_id, plan, coach_id)
       select $1, 'member-' || m, $2::date + d, 5, 600, 1, false, false, false, false, 'pro', 'coach-1', 'pro', 'coach-1'
       from generate_series($3::integer, $4::integer) d, generate_series(1, $5::integer) m`,
      [tenant.id, FROM, first, Math.min(first + 49, days - 1), MEMBERS],
    )
  await database.pool.query('analyze analytics.member_days')
  const { rows: found } = await database.pool.query<{ to: string }>('select $1::date + $2::integer as to', [FROM, days])
  return { tenant, to: found[0]?.to ?? FROM }
}

/** How long `work` takes, and the most resident memory that the whole process has meanwhile, MB. */
async function measured<T>(work: () => Promise<T>): Promise<{ ms: number; peakMb: number; result: T | undefined }> {
  let peak = process.memoryUsage.rss()
  const sampler = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }, SAMPLE_MS)
  let result: T | undefined
  const ms = await timed(async () => {
    result = await work()
  })
  clearInterval(sampler)
  return { ms, peakMb: peak / 1024 / 1024, result }
}

/** The same rows as plain CSV, copied out and thrown away: what the database alone can do. */
async function plainCopy(database: Database, { tenant, to }: Filled): Promise<void> {
  const client = new pg.Client(database.connection)
  await client.connect()
  try {
    await client.query(`select set_config('app.tenant_id', $1, false)`, [tenant.id])
    const query = `select * from tenant.fact_productivity where date_key >= '${FROM}' and date_key < '${to}' order by 1, 2`
    await pipeline(
      client.query(copyStreams.to(`copy (${query}) to stdout with (format csv, header)`)),
      new Writable({ write: (_chunk, _encoding, done) => done() }),
    )
  } finally {
    await client.end()
  }
}

/** Exports of member-days as CSV and Parquet into the local store, against COPY of the same rows on a server. */
export const exportsBench: Bench = {
  name: 'exports',
  title: `CSV and Parquet of ${ROWS} member-days : COPY of the same rows (server engine), and peak memory`,
  run: ({ rounds, log }) =>
    withScratchDatabase(async (database) => {
      const temporary = await mkdtemp(join(tmpdir(), 'upcoach-bench-objects-'))
      const config = { ...loadConfig({}), dataDir: temporary }
      const objects = await openObjectStore(config, { masterKey: randomBytes(32), origin: 'http://127.0.0.1' })
      const exported = ({ tenant, to }: Filled, format: (typeof formats)[number]) =>
        measured(() =>
          performExport(
            {
              id: randomUUID(),
              tenantId: tenant.id,
              format,
              payload: { type: 'fact_productivity', from: FROM, to },
              run: randomUUID(),
              attempts: 1,
            },
            { database, objects, signal: new AbortController().signal, onProgress: () => undefined },
          ),
        )
      const ratios = new Map<string, number[]>()
      const note = (name: string, value: number) => ratios.set(name, [...(ratios.get(name) ?? []), value])
      const peaks = { csv: 0, parquet: 0 }
      try {
        const small = await fill(database, 'small', ROWS / 10)
        const large = await fill(database, 'large', ROWS)
        log(`${ROWS * 1.1} member-days stored`)
        for (let round = 0; round <= rounds; round += 1) {
          const copy = database.kind === 'server' ? await measured(() => plainCopy(database, large)) : undefined
          let csvBytes = 1
          for (const format of formats) {
            const tenth = await exported(small, format)
            const whole = await exported(large, format)
            const { bytes = 0, rows = 0 } = whole.result ?? {}
            log(
              `round ${round}, ${format}: ${rows} rows, ${(bytes / 1e6).toFixed(1)} MB in ${(whole.ms / 1000).toFixed(2)} s, peak ${whole.peakMb.toFixed(0)} MB (at a tenth ${tenth.peakMb.toFixed(0)} MB)${copy ? `; COPY ${(copy.ms / 1000).toFixed(2)} s` : ''}`,
            )
            if (format === 'csv') csvBytes = bytes
            peaks[format] = Math.max(peaks[format], whole.peakMb)
            if (round === 0) continue
            if (copy) note(`${format}, speed of COPY`, copy.ms / whole.ms)
            note(`${format}, peak memory at ten times the rows`, whole.peakMb / tenth.peakMb)
            if (format === 'parquet') note('parquet, size of the CSV', bytes / csvBytes)
          }
        }
      } finally {
        await objects.close()
        await rm(temporary, { recursive: true, force: true })
      }
      return {
        ratios: [...ratios].map(([name, values]) => spread(name, values)),
        notes: [
          `${database.kind} engine, ${ROWS} and ${ROWS / 10} rows`,
          `peak resident memory of the whole process: CSV ${peaks.csv.toFixed(0)} MB, Parquet ${peaks.parquet.toFixed(0)} MB`,
        ],
      }
    }),
}
