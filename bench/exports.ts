import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { Database } from '../db/database.ts'
import { createTenant, type Tenant } from '../db/tenant.ts'
import { type Outcome, outcome, type Task } from './export-process.ts'
import { dayBefore } from './fill.ts'
import { openPsql, type Psql } from './psql.ts'
import { type Bar, type Bench, spread, timed, withScratchDatabase } from './rounds.ts'

const MEMBERS = 2_000
const FROM = '2024-12-01'
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

interface Filled {
  readonly tenant: Tenant
  readonly to: string
}

/** Member-days of one tenant, written straight into the ledger that `fact_productivity` is derived from. */
async function fill(database: Database, slug: string, rows: number): Promise<Filled> {
  const tenant = await createTenant(database.pool, { slug, timezone: 'UTC', currency: 'EUR' })
  const days = Math.ceil(rows / MEMBERS)
  for (let first = 0; first < days; first += 50) {
    const values = [tenant.id, FROM, first, Math.min(first + 49, days - 1), MEMBERS]
    const memberDays = 'generate_series($3::integer, $4::integer) d, generate_series(1, $5::integer) m'
    await database.pool.query(
      `insert into analytics.member_days (tenant_id, user_id, day, actions, active_seconds, sessions, first_in_week,
         first_in_month, first_in_signup_week, is_last, signup_plan, signup_coach_id, plan, coach_id)
       select $1, 'member-' || m, $2::date + d, 5, 600, 1, false, false, false, false, 'pro', 'coach-1', 'pro', 'coach-1'
       from ${memberDays}`,
      values,
    )
    // what is always the same would weigh nothing in Parquet
    await database.pool.query(
      `insert into analytics.habit_days (tenant_id, user_id, habit_id, day, kind, expected, done, skipped, streak)
       select $1, 'member-' || m, 'habit-1', $2::date + d, 'weekdays', 1, abs(hashint4(m * 10000 + d) % 5), false, 0
       from ${memberDays}`,
      values,
    )
  }
  await database.pool.query('analyze analytics.member_days, analytics.habit_days')
  return { tenant, to: dayBefore(FROM, -days) }
}

/** Runs one export in a process of its own. */
async function exported(task: Task): Promise<Outcome> {
  const script = fileURLToPath(new URL('export-process.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', tsx, script, JSON.stringify(task)])
  return outcome.parse(JSON.parse(stdout))
}

/** The same rows as plain CSV into a file: what the database and its own client do. */
const plainCopy = (psql: Psql, file: string, { tenant, to }: Filled): Promise<number> =>
  timed(() =>
    psql.run(
      `set app.tenant_id = '${tenant.id}';
\\copy (select * from tenant.fact_productivity where date_key >= '${FROM}' and date_key < '${to}' order by 1, 2) to '${file}' with (format csv, header)`,
    ),
  )

/** Goals 11 and 12: exports of member-days as CSV and Parquet into the local store. */
export const exportsBench: Bench = {
  name: 'exports',
  title:
    'CSV and Parquet of a million member-days, each in a process of its own : psql COPY of the same rows (server), and peak memory',
  run: ({ rounds, size, log }) =>
    withScratchDatabase(async (database) => {
      const count = size(1_000_000, 10_000_000)
      const temporary = await mkdtemp(join(tmpdir(), 'upcoach-bench-objects-'))
      const { connectionString } = database.connection
      const psql = connectionString === undefined ? undefined : await openPsql(connectionString)
      const make = ({ tenant, to }: Filled, format: Task['format']) =>
        exported({
          kind: database.kind,
          connection: { ...database.connection },
          dataDir: temporary,
          tenantId: tenant.id,
          format,
          from: FROM,
          to,
          warmUpTo: dayBefore(FROM, -5),
        })
      const seen = new Map<string, { values: number[]; bar: Bar | undefined; unit: string | undefined }>()
      const note = (name: string, value: number, bar?: Bar, unit?: string) => {
        const { values } = seen.get(name) ?? { values: [] }
        seen.set(name, { values: [...values, value], bar, unit })
      }
      let idle = 0
      try {
        const small = await fill(database, 'small', count / 10)
        const large = await fill(database, 'large', count)
        log(`${Math.round(count * 1.1)} member-days stored`)
        for (let round = 0; round <= rounds; round += 1) {
          const copy = psql && (await plainCopy(psql, join(temporary, 'copy.csv'), large))
          const outcomes = {
            csv: [await make(small, 'csv'), await make(large, 'csv')],
            parquet: [await make(small, 'parquet'), await make(large, 'parquet')],
          } as const
          for (const [format, [tenth, whole]] of Object.entries(outcomes))
            log(
              `round ${round}, ${format}: ${whole.rows} rows, ${(whole.bytes / 1e6).toFixed(1)} MB in ${(whole.ms / 1000).toFixed(2)} s, peak ${whole.peakMb.toFixed(0)} MB (at a tenth ${tenth.peakMb.toFixed(0)} MB)${copy === undefined ? '' : `; COPY ${(copy / 1000).toFixed(2)} s`}`,
            )
          if (round === 0) continue
          const [csvTenth, csv] = outcomes.csv
          const [parquetTenth, parquet] = outcomes.parquet
          idle = csv.idleMb
          if (copy !== undefined) {
            note('CSV : psql COPY', copy / csv.ms, { goal: 11, atLeast: 0.8 })
            note('Parquet : psql COPY of CSV', copy / parquet.ms, { goal: 12, atLeast: 0.4 })
          }
          note('CSV, peak memory', csv.peakMb, { goal: 11, atMost: 120 }, 'MB')
          note('CSV, peak memory at ten times the rows', csv.peakMb / csvTenth.peakMb, { goal: 11, atMost: 1.1 })
          note('Parquet, peak memory', parquet.peakMb, { goal: 12, atMost: 260 }, 'MB')
          note('Parquet, peak memory at ten times the rows', parquet.peakMb / parquetTenth.peakMb)
          note('Parquet, size : CSV', parquet.bytes / csv.bytes, { goal: 12, atMost: 0.25 })
        }
      } finally {
        await psql?.close()
        await rm(temporary, { recursive: true, force: true })
      }
      return {
        ratios: [...seen].map(([name, { values, bar, unit }]) => spread(name, values, bar, unit)),
        notes: [
          `${database.kind} engine, ${rounds} rounds of ${count} and ${count / 10} rows; a process that has done nothing yet has ${idle.toFixed(0)} MB`,
        ],
      }
    }),
}
