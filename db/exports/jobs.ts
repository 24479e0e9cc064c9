import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { isErased } from '../erasure/request.ts'
import { loadSql } from '../sql.ts'
import { inTransaction, withTenant } from '../tenant.ts'
import { type ExportFormat, type ExportPayload, type ExportType, exportPayloadSchema } from './payload.ts'

const claimSql = loadSql(new URL('./claim.sql', import.meta.url))
const requestSql = loadSql(new URL('./request.sql', import.meta.url))

export const EXPORT_LIFETIME_DAYS = 14
/** A worker shows that it lives several times within its lease. */
const LEASE_SECONDS = 20
/** Running at once for one tenant, over all workers: one tenant's year must not stand in everybody's way. */
const RUNNING_PER_TENANT = 2
/** Runs before an export counts as failed, whether they failed or their process was lost. */
const MAX_ATTEMPTS = 4
const RETRY_SECONDS = 5

export type ExportStatus = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled' | 'expired'

/** A row of `report_jobs` as its tenant may see it. */
export interface ExportJob {
  readonly id: string
  readonly type: ExportType
  readonly format: ExportFormat
  readonly status: ExportStatus
  readonly params: Readonly<Record<string, unknown>>
  readonly readable_by: readonly string[]
  readonly s3_url: string | null
  readonly progress: number
  readonly rows: number | null
  readonly bytes: number | null
  readonly sha256: string | null
  readonly error: string | null
  readonly created_at: string
  readonly started_at: string | null
  readonly finished_at: string | null
  readonly expires_at: string | null
}

const columns = `id, type, format, status, params, readable_by, s3_url, progress, rows, bytes, sha256, error, created_at,
  started_at, finished_at, expires_at`

export interface ExportRequest {
  readonly tenantId: string
  readonly payload: ExportPayload
  readonly format: ExportFormat
  readonly params: Readonly<Record<string, unknown>>
  readonly requestedBy: string
  readonly readableBy: readonly string[]
  readonly containsMembers: boolean
  readonly idempotencyKey: string | undefined
  /** Of what was sent: the same key with another hash is another request. */
  readonly requestHash: string
  /** Open exports a tenant may have. */
  readonly most: number
  /** Keyed hash of the member it is about: refused when that member was erased, or is being erased. */
  readonly member?: string | undefined
}

export type Requested =
  | { readonly outcome: 'new' | 'known'; readonly id: string }
  | { readonly outcome: 'full'; readonly id?: undefined }
  | { readonly outcome: 'reused'; readonly id?: undefined }
  | { readonly outcome: 'erased'; readonly id?: undefined }

/** Stores a request once per idempotency key. `full`: the tenant has too many open ones; `reused`: another request's key; `erased`: the member is. */
export async function requestExport(pool: pg.Pool, request: ExportRequest): Promise<Requested> {
  const { tenantId, payload } = request
  return inTransaction(pool, async (client) => {
    // Requests of a tenant one after the other, so that neither the bound nor the key can be passed at the same time.
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 26))', [tenantId])
    if (request.member !== undefined && (await isErased(client, tenantId, request.member))) return { outcome: 'erased' }
    const { rows } = await client.query<{ id: string; request_hash: string; known: boolean }>(
      requestSql.bind({
        tenant_id: tenantId,
        type: payload.type,
        format: request.format,
        payload: JSON.stringify(payload),
        params: JSON.stringify(request.params),
        requested_by: request.requestedBy,
        readable_by: request.readableBy,
        contains_members: request.containsMembers,
        idempotency_key: request.idempotencyKey ?? null,
        request_hash: request.requestHash,
        most: request.most,
      }),
    )
    const [row] = rows
    if (!row) return { outcome: 'full' }
    if (row.request_hash !== request.requestHash) return { outcome: 'reused' }
    return { outcome: row.known ? 'known' : 'new', id: row.id }
  })
}

export function findExport(pool: pg.Pool, tenantId: string, id: string): Promise<ExportJob | undefined> {
  return withTenant(pool, tenantId, async (client) => {
    const { rows } = await client.query<ExportJob>(`select ${columns} from report_jobs where id = $1`, [id])
    return rows[0]
  })
}

export interface ExportPage {
  readonly role: string
  readonly status: string | undefined
  readonly limit: number
  /** Continue after this one. */
  readonly after: { readonly created_at: string; readonly id: string } | undefined
}

/** The newest exports of a tenant that a role may read. */
export function listExports(pool: pg.Pool, tenantId: string, page: ExportPage): Promise<ExportJob[]> {
  return withTenant(pool, tenantId, async (client) => {
    const { rows } = await client.query<ExportJob>(
      `select ${columns} from report_jobs
       where $1 = any(readable_by) and ($2::text is null or status = $2)
         and ($3::timestamptz is null or (date_trunc('milliseconds', created_at), id) < ($3::timestamptz, $4::uuid))
       order by date_trunc('milliseconds', created_at) desc, id desc limit $5`,
      [page.role, page.status ?? null, page.after?.created_at ?? null, page.after?.id ?? null, page.limit],
    )
    return rows
  })
}

/**
 * Cancels what waits or runs (its worker stops when it next renews its lease), and withdraws what is completed: it expires
 * now. Ended ones stay as they are.
 */
export async function cancelExport(pool: pg.Pool, tenantId: string, id: string): Promise<void> {
  await pool.query(
    `update analytics.report_jobs
     set status = case when status = 'completed' then 'expired' else 'cancelled' end, run = null, lease_until = null,
       finished_at = coalesce(finished_at, now()), expires_at = case when status = 'completed' then now() end
     where tenant_id = $1 and id = $2 and status in ('queued', 'running', 'completed')`,
    [tenantId, id],
  )
}

export interface ClaimedExport {
  readonly id: string
  readonly tenantId: string
  readonly format: ExportFormat
  readonly payload: ExportPayload
  readonly run: string
  readonly attempts: number
}

/** Takes one export to run, or undefined. What lost its worker too often is failed on the way. */
export async function claimExport(pool: pg.Pool): Promise<ClaimedExport | undefined> {
  const run = randomUUID()
  const row = await inTransaction(pool, async (client) => {
    await client.query("select pg_advisory_xact_lock(hashtext('exports claim'))")
    await client.query(
      `update analytics.report_jobs
       set status = 'failed', error = 'interrupted', run = null, lease_until = null, finished_at = now()
       where status = 'running' and attempts >= $1
         and (lease_until < now() or lease_until > now() + 2 * make_interval(secs => $2))`,
      [MAX_ATTEMPTS, LEASE_SECONDS],
    )
    const { rows } = await client.query<{
      id: string
      tenant_id: string
      format: ExportFormat
      payload: unknown
      attempts: number
    }>(
      claimSql.bind({
        run,
        lease_seconds: LEASE_SECONDS,
        per_tenant: RUNNING_PER_TENANT,
        max_attempts: MAX_ATTEMPTS,
        longest_pause_seconds: RETRY_SECONDS * 2 ** (MAX_ATTEMPTS - 1),
      }),
    )
    return rows[0]
  })
  if (!row) return undefined
  const { id, tenant_id: tenantId, format, payload, attempts } = row
  return { id, tenantId, format, payload: exportPayloadSchema.parse(payload), run, attempts }
}

type Run = Pick<ClaimedExport, 'id' | 'run'>

/** Shows that the run lives and how far it is. false: it is no longer wanted (cancelled, or taken over) and must stop. */
export async function renewExport(pool: pg.Pool, { id, run }: Run, progress: number): Promise<boolean> {
  const { rowCount } = await pool.query(
    `update analytics.report_jobs set progress = $3, lease_until = now() + make_interval(secs => $4)
     where id = $1 and run = $2 and status = 'running'`,
    [id, run, Math.min(99, Math.max(0, Math.floor(progress))), LEASE_SECONDS],
  )
  return rowCount === 1
}

export interface ExportOutcome {
  readonly key: string
  readonly rows: number
  readonly bytes: number
  readonly sha256: string
}

/** false: the run is no longer wanted, and what it wrote must go. */
export async function completeExport(pool: pg.Pool, { id, run }: Run, outcome: ExportOutcome): Promise<boolean> {
  const { rowCount } = await pool.query(
    `update analytics.report_jobs
     set status = 'completed', progress = 100, s3_url = $3, rows = $4, bytes = $5, sha256 = $6, run = null,
       lease_until = null, finished_at = now(), expires_at = now() + make_interval(days => $7)
     where id = $1 and run = $2 and status = 'running'`,
    [id, run, outcome.key, outcome.rows, outcome.bytes, outcome.sha256, EXPORT_LIFETIME_DAYS],
  )
  return rowCount === 1
}

/** Puts a run that failed back into the queue, later each time; `final` or too many attempts: failed. */
export async function failExport(pool: pg.Pool, { id, run }: Run, final: boolean): Promise<'queued' | 'failed'> {
  const { rows } = await pool.query<{ status: 'queued' | 'failed' }>(
    `update analytics.report_jobs
     set status = case when $3 or attempts >= $4 then 'failed' else 'queued' end, error = 'failed', run = null,
       lease_until = null, not_before = now() + make_interval(secs => $5 * power(2, attempts - 1)),
       finished_at = case when $3 or attempts >= $4 then now() end
     where id = $1 and run = $2 and status = 'running'
     returning status`,
    [id, run, final, MAX_ATTEMPTS, RETRY_SECONDS],
  )
  return rows[0]?.status ?? 'failed'
}

/** Gives a run back that its process cannot finish, as if it had not begun. */
export async function releaseExport(pool: pg.Pool, { id, run }: Run): Promise<void> {
  await pool.query(
    `update analytics.report_jobs set status = 'queued', run = null, lease_until = null, attempts = attempts - 1
     where id = $1 and run = $2 and status = 'running'`,
    [id, run],
  )
}

/** For an engine that serves one process tree: at its start nobody else can be running anything. */
export async function endLeases(pool: pg.Pool): Promise<void> {
  await pool.query(
    `update analytics.report_jobs set lease_until = now() - interval '1 second' where status = 'running'`,
  )
}

/** Exports whose file is to be deleted: past their time, or withdrawn. Deleted first, then `forgetFile`. */
export async function exportsToDelete(pool: pg.Pool): Promise<{ id: string; key: string }[]> {
  await pool.query(
    `update analytics.report_jobs set status = 'expired' where status = 'completed' and expires_at <= now()`,
  )
  const { rows } = await pool.query<{ id: string; key: string }>(
    `select id, s3_url as key from analytics.report_jobs
     where s3_url is not null and status in ('expired', 'cancelled', 'failed') order by expires_at limit 1000`,
  )
  return rows
}

export async function forgetFile(pool: pg.Pool, id: string): Promise<void> {
  await pool.query('update analytics.report_jobs set s3_url = null where id = $1', [id])
}

/** Which of these keys belong to an export, or to a run that goes on; other files were left behind by runs that were lost. */
export async function knownKeys(pool: pg.Pool, keys: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await pool.query<{ key: string }>(
    `select s3_url as key from analytics.report_jobs where s3_url = any($1::text[])
     union all
     select key from unnest($1::text[]) key
     join analytics.report_jobs on status = 'running' and split_part(split_part(key, '/', 4), '.', 1) = run::text`,
    [keys],
  )
  return new Set(rows.map(({ key }) => key))
}

/** Rows of exports that ended long ago go, with what was asked for in them. */
export async function forgetEnded(pool: pg.Pool, days: number): Promise<number> {
  const { rowCount } = await pool.query(
    `delete from analytics.report_jobs
     where status in ('expired', 'cancelled', 'failed') and s3_url is null and created_at < now() - make_interval(days => $1)`,
    [days],
  )
  return rowCount ?? 0
}

/**
 * Takes every export of a tenant that holds rows of single members out of circulation: completed ones expire now (the
 * worker deletes their files), running ones begin again. Returns how many had a file.
 */
export async function withdrawMemberExports(pool: pg.Pool | pg.ClientBase, tenantId: string): Promise<number> {
  await pool.query(
    `update analytics.report_jobs set status = 'queued', run = null, lease_until = null, attempts = attempts - 1
     where tenant_id = $1 and contains_members and status = 'running'`,
    [tenantId],
  )
  const { rowCount } = await pool.query(
    `update analytics.report_jobs set status = 'expired', expires_at = now()
     where tenant_id = $1 and contains_members and status = 'completed'`,
    [tenantId],
  )
  return rowCount ?? 0
}
