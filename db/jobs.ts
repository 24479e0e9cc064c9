import type pg from 'pg'
import type { Database } from './database.ts'
import { loadSql } from './sql.ts'

const policiesEmbedded = loadSql(new URL('./sql/policies-embedded.sql', import.meta.url))
const policiesServer = loadSql(new URL('./sql/policies-server.sql', import.meta.url))
const reconcileEventsHourly = loadSql(new URL('./sql/reconcile-events-hourly.sql', import.meta.url))

/** Chunks that one run of a columnstore policy compresses on the embedded engine, whose session it blocks meanwhile. */
const CHUNKS_PER_RUN = 8

/** How a recurring job has been doing, over all processes. */
export interface JobOutcome {
  readonly name: string
  readonly successes: number
  readonly failures: number
  readonly consecutive_failures: number
  readonly last_run_at: string | null
  readonly last_success_at: string | null
  readonly last_error: string | null
}

/** A TimescaleDB policy: refresh, columnstore or retention of one relation. */
export interface Policy {
  readonly id: number
  readonly name: string
  readonly interval_seconds: number
  /** How long ago its last success should have been repeated; 0 when it is on time. */
  readonly lag_seconds: number
  /** Embedded engine only: it should run now. */
  readonly due: boolean
  readonly failures: number
  readonly consecutive_failures: number
  readonly last_error: string | null
}

/** On the embedded engine, enters its policies among the job outcomes. Safe to call from several processes at once. */
export async function prepareJobs(database: Pick<Database, 'kind' | 'pool'>): Promise<void> {
  if (database.kind === 'embedded') await preparePolicies(database.pool)
}

/** A search for lost jobs is never planned so far ahead, unless by a clock that was. */
const SEARCH_AHEAD_MS = 60_000

/**
 * BullMQ on PostgreSQL notes until when nobody has to search a queue for jobs that lost their worker. After the clock was
 * hours ahead and is put right, nobody would for hours: such notes are removed. `now` is the clock BullMQ goes by.
 */
export async function resumeSearches(pool: pg.Pool, now: number): Promise<void> {
  await pool.query(`delete from bullmq.meta where field = 'stalled-check' and value::bigint > $1::bigint`, [
    now + SEARCH_AHEAD_MS,
  ])
}

/**
 * What autovacuum does on a server: vacuums and analyses the plain tables whose rows come and go (marks, jobs), and enters new rows
 * of chunks in their BRIN indexes, without which every reader of the newest hour reads the day. Chunks are not vacuumed: they
 * are written once. Returns how many tables were done.
 */
export async function vacuumTables(pool: pg.Pool): Promise<{ tables: number }> {
  const { rows } = await pool.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname in ('analytics', 'bullmq')
       and not exists (
         select from timescaledb_information.hypertables h
         where h.hypertable_schema = n.nspname and h.hypertable_name = c.relname
       )`,
  )
  for (const { name } of rows) await pool.query(`vacuum (analyze) ${name}`)
  await pool.query(
    // a compressed chunk has no rows of its own
    `select brin_summarize_new_values(i.oid)
     from pg_class i
     join pg_am a on a.oid = i.relam and a.amname = 'brin'
     join pg_index x on x.indexrelid = i.oid
     where i.relkind = 'i' and pg_relation_size(x.indrelid) > 0`,
  )
  return { tables: rows.length }
}

async function preparePolicies(pool: pg.Pool): Promise<void> {
  await pool.query(`
    insert into analytics.job_outcomes (name)
    select 'policy ' || job_id from timescaledb_information.jobs where job_id >= 1000
    on conflict (name) do nothing`)
  await pool.query(
    `select alter_job(job_id, config => config || jsonb_build_object('maxchunks_to_compress', $1::integer))
     from timescaledb_information.jobs
     where proc_name = 'policy_compression' and config ->> 'maxchunks_to_compress' is distinct from $1::text`,
    [CHUNKS_PER_RUN],
  )
}

/** Adds `runs` successful runs of a job and forgets its row of failures. */
export async function recordSuccess(pool: pg.Pool, name: string, runs = 1): Promise<void> {
  await pool.query(
    `insert into analytics.job_outcomes as o (name, successes, last_run_at, last_success_at) values ($1, $2, now(), now())
     on conflict (name) do update set successes = o.successes + excluded.successes, consecutive_failures = 0,
       last_run_at = now(), last_success_at = now()`,
    [name, runs],
  )
}

/** Adds one failed run of a job. `error` is kept for operators; it must not hold a member's data. */
export async function recordFailure(pool: pg.Pool, name: string, error: string): Promise<void> {
  await pool.query(
    `insert into analytics.job_outcomes as o (name, failures, consecutive_failures, last_run_at, last_error)
     values ($1, 1, 1, now(), $2)
     on conflict (name) do update set failures = o.failures + 1, consecutive_failures = o.consecutive_failures + 1,
       last_run_at = now(), last_error = excluded.last_error`,
    [name, error.slice(0, 500)],
  )
}

/** Outcomes of our own jobs (TimescaleDB's policies: `listPolicies`); empty before a worker has ever started. */
export async function jobOutcomes(pool: pg.Pool): Promise<JobOutcome[]> {
  if (!(await isPrepared(pool))) return []
  const { rows } = await pool.query<JobOutcome>(
    `select name, successes, failures, consecutive_failures, last_run_at, last_success_at, last_error
     from analytics.job_outcomes where name not like 'policy %' order by name`,
  )
  return rows
}

async function isPrepared(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query<{ prepared: boolean }>(
    `select to_regclass('analytics.job_outcomes') is not null as prepared`,
  )
  return rows[0]?.prepared ?? false
}

/** Every policy and how it is doing, by our own records on the embedded engine, else by TimescaleDB's. */
export async function listPolicies(database: Pick<Database, 'kind' | 'pool'>): Promise<Policy[]> {
  if (database.kind === 'server') return (await database.pool.query<Policy>(policiesServer.bind({}))).rows
  if (!(await isPrepared(database.pool))) return []
  return (await database.pool.query<Policy>(policiesEmbedded.bind({}))).rows
}

/** Runs one policy now, in the foreground, and records how it went. Resolves to its error, if any. */
export async function runPolicy(pool: pg.Pool, policy: Pick<Policy, 'id'>): Promise<Error | undefined> {
  const name = `policy ${policy.id}`
  try {
    await pool.query('call run_job($1)', [policy.id])
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause))
    await recordFailure(pool, name, error.message)
    return error
  }
  await recordSuccess(pool, name)
  return undefined
}

/** Work that ingest has left for the workers: what is waiting and for how long, in seconds. */
export interface Backlog {
  readonly dirty_marks: number
  readonly lag_seconds: number
  readonly touched_ranges: number
  /** Members and provider events that were set aside because their fold failed. */
  readonly parked: number
}

export async function readBacklog(pool: pg.Pool): Promise<Backlog> {
  const { rows } = await pool.query<Backlog>(
    `select count(*) as dirty_marks,
       coalesce(extract(epoch from now() - min(marked_at)), 0)::double precision as lag_seconds,
       (select count(*) from analytics.touched_ranges) as touched_ranges,
       (select count(*) from analytics.parked_members) + (select count(*) from analytics.parked_revenue) as parked
     from analytics.dirty_members`,
  )
  return rows[0] ?? { dirty_marks: 0, lag_seconds: 0, touched_ranges: 0, parked: 0 }
}

export interface Reconciliation {
  readonly pending: boolean
  readonly differing: number
  readonly sample: readonly Readonly<Record<string, unknown>>[]
}

/** Compares the hourly event aggregate with raw events between two instants on whole hours, `to` exclusive. */
export async function reconcileEvents(pool: pg.Pool, from: Date, to: Date): Promise<Reconciliation> {
  const { rows } = await pool.query<Reconciliation>(reconcileEventsHourly.bind({ from_at: from, to_at: to }))
  if (!rows[0]) throw new Error('the reconciliation returned nothing')
  return rows[0]
}

/** First and last day (UTC midnights, ms) of which raw events are stored; undefined when there are none. */
export async function rawDays(pool: pg.Pool): Promise<{ first: number; last: number } | undefined> {
  const { rows } = await pool.query<{ first: string | null; last: string | null }>(
    `select min(range_start) as first, max(range_start) as last from timescaledb_information.chunks
     where hypertable_schema = 'analytics' and hypertable_name = 'events'`,
  )
  const { first, last } = rows[0] ?? { first: null, last: null }
  return first && last ? { first: Date.parse(first), last: Date.parse(last) } : undefined
}
