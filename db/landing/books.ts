import pg from 'pg'
import { heldRows } from '../held-rows.ts'
import { loadSql } from '../sql.ts'
import { withTenant } from '../tenant.ts'
import type { Dataset, Relation } from './datasets.ts'
import type { Content } from './parquet.ts'

const dueDaysSql = loadSql(new URL('./due-days.sql', import.meta.url))
const dayEvents = loadSql(new URL('./day-events.sql', import.meta.url))

/** A file of the landing zone, as its manifest and `analytics.landed_files` describe it. */
export interface LandedFile extends Content {
  readonly dataset: Dataset['name']
  /** YYYY-MM-DD, or `all`. */
  readonly part: string
  readonly object_key: string
  readonly bytes: number
  readonly sha256: string
  readonly schema_version: number
}

const PAGE = 5_000
const DAY_MS = 86_400_000
const dayRange = (day: string) => ({
  from_at: `${day}T00:00:00Z`,
  to_at: new Date(Date.parse(`${day}T00:00:00Z`) + DAY_MS).toISOString(),
})

/** UTC days (YYYY-MM-DD) whose events are to be landed. */
export async function dueDays(pool: pg.Pool, tenantId: string): Promise<string[]> {
  return (await pool.query<{ day: string }>(dueDaysSql.bind({ tenant: tenantId }))).rows.map(({ day }) => day)
}

/**
 * A tenant's events of a UTC day as JSON lines, in order, a page at a time. The day is read and sorted once: no index gives
 * this order, so that pages by key would read all of it for each.
 */
export async function* eventLines(pool: pg.Pool, tenantId: string, day: string): AsyncGenerator<string> {
  const values = { tenant: tenantId, ...dayRange(day) }
  const query = dayEvents.render(
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, pg.escapeLiteral(value)])),
  )
  for await (const rows of heldRows<{ line: string }>(pool, query, { page: PAGE }))
    yield rows.map(({ line }) => `${line}\n`).join('')
}

/** What the table holds of a UTC day now. */
export async function storedEvents(
  pool: pg.Pool,
  tenantId: string,
  day: string,
): Promise<Pick<Content, 'rows' | 'fingerprint'>> {
  const { from_at, to_at } = dayRange(day)
  const { rows } = await pool.query<{ rows: number; fingerprint: string }>(
    `select count(*) as rows, coalesce(sum(analytics.event_digest(e)::numeric), 0)::text as fingerprint
     from analytics.events e where e.tenant_id = $1 and e.occurred_at >= $2 and e.occurred_at < $3`,
    [tenantId, from_at, to_at],
  )
  return rows[0] ?? { rows: 0, fingerprint: '0' }
}

/** Hands a relation's rows as JSON lines to `take`, a page at a time, from one snapshot, as the tenant sees it. */
export function relationLines(
  pool: pg.Pool,
  tenantId: string,
  relation: Relation,
  take: (lines: string) => Promise<void>,
): Promise<void> {
  return withTenant(pool, tenantId, async (client) => {
    // Names are those of our own list. JSON columns land as text.
    const columns = Object.keys(relation.columns).map((name) => (name === 'mrr' ? 'mrr::text as mrr' : name))
    await client.query(
      `declare landing no scroll cursor for
       select to_json(x)::text as line from (select ${columns.join(', ')} from tenant.${relation.name}) x`,
    )
    for (;;) {
      const { rows } = await client.query<{ line: string }>(`fetch ${PAGE} from landing`)
      if (rows.length === 0) return
      await take(rows.map(({ line }) => `${line}\n`).join(''))
    }
  })
}

/** The highest mark of a day; with it the marks that reading the day after it covers can be settled. */
export async function lastMark(pool: pg.Pool, tenantId: string, day: string): Promise<number> {
  const { rows } = await pool.query<{ id: number }>(
    'select coalesce(max(id), 0) as id from analytics.landing_marks where tenant_id = $1 and day = $2',
    [tenantId, day],
  )
  return rows[0]?.id ?? 0
}

/** Enters a file that is in the store, with its manifest beside it, and settles the marks it covers. */
export async function recordLanded(pool: pg.Pool, tenantId: string, file: LandedFile, mark = 0): Promise<void> {
  await pool.query(
    `with settled as (
       delete from analytics.landing_marks
       where tenant_id = $1 and $2 = 'events' and to_char(day, 'YYYY-MM-DD') = $3 and id <= $12
     )
     insert into analytics.landed_files (tenant_id, dataset, part, object_key, rows, min_at, max_at, fingerprint, bytes, sha256,
       schema_version, verified_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now())
     on conflict (tenant_id, dataset, part) do update set object_key = excluded.object_key, rows = excluded.rows,
       min_at = excluded.min_at, max_at = excluded.max_at, fingerprint = excluded.fingerprint, bytes = excluded.bytes,
       sha256 = excluded.sha256, schema_version = excluded.schema_version, landed_at = now(), verified_at = now()`,
    [
      tenantId,
      file.dataset,
      file.part,
      file.object_key,
      file.rows,
      file.min_at,
      file.max_at,
      file.fingerprint,
      file.bytes,
      file.sha256,
      file.schema_version,
      mark,
    ],
  )
}

/** Strikes a file that has nothing to hold any more. */
export async function forgetLanded(pool: pg.Pool, tenantId: string, dataset: string, part: string, mark = 0) {
  await pool.query(
    `with settled as (
       delete from analytics.landing_marks
       where tenant_id = $1 and $2 = 'events' and to_char(day, 'YYYY-MM-DD') = $3 and id <= $4
     )
     delete from analytics.landed_files where tenant_id = $1 and dataset = $2 and part = $3`,
    [tenantId, dataset, part, mark],
  )
}

/** A tenant's files, by dataset and part. */
export async function landedFiles(
  pool: pg.Pool,
  tenantId: string,
): Promise<(LandedFile & { verified_at: string | null })[]> {
  const { rows } = await pool.query<LandedFile & { verified_at: string | null }>(
    `select dataset, part, object_key, rows, min_at, max_at, fingerprint::text as fingerprint, bytes, sha256, schema_version,
       verified_at
     from analytics.landed_files where tenant_id = $1 order by dataset, part`,
    [tenantId],
  )
  return rows
}

/** Notes whether a file was found to be as its books say; only a day that was is ever dropped. */
export async function recordVerified(
  pool: pg.Pool,
  tenantId: string,
  file: LandedFile,
  isGood: boolean,
): Promise<void> {
  await pool.query(
    `update analytics.landed_files set verified_at = case when $5 then now() end
     where tenant_id = $1 and dataset = $2 and part = $3 and sha256 = $4`,
    [tenantId, file.dataset, file.part, file.sha256, isGood],
  )
}
