import type pg from 'pg'
import { loadSql } from '../sql.ts'
import type { Tenant } from '../tenant.ts'

const query = (name: string) => loadSql(new URL(`../sql/${name}.sql`, import.meta.url))
const wantedSources = query('wanted-sources')
const takeSourceLease = query('take-source-lease')
const renewSourceLease = query('renew-source-lease')
const commitSource = query('commit-source')
const endSourceRun = query('end-source-run')
const countPushedBatch = query('count-pushed')

/** A tenant that has switched sources on, with the instants its source secrets (and PII key) were set, by name. */
export interface TenantWithSources {
  readonly tenant: Tenant
  readonly secrets: Readonly<Record<string, string>>
}

export async function tenantsWithSources(pool: pg.Pool): Promise<TenantWithSources[]> {
  const { rows } = await pool.query<Tenant & { secrets: Record<string, string> }>(wantedSources.bind({}))
  return rows.map(({ secrets, ...tenant }) => ({ tenant, secrets }))
}

/** The right to run a source. `generation` tells it from the rights of others before and after. */
export interface Lease {
  readonly tenantId: string
  readonly source: string
  readonly holder: string
  readonly generation: number
}

/** Another worker runs the source now: whatever was read is its business. */
export class LeaseLost extends Error {
  constructor() {
    super('another worker runs this source now')
  }
}

const bound = ({ tenantId, source, holder, generation }: Lease) => ({ tenant: tenantId, source, holder, generation })

/** Takes the lease, or keeps one's own, for `seconds`; undefined while another holder is alive. */
export async function takeLease(
  pool: pg.Pool,
  wanted: Omit<Lease, 'generation'>,
  seconds: number,
): Promise<{ lease: Lease; position: unknown } | undefined> {
  const { tenantId: tenant, source, holder } = wanted
  const { rows } = await pool.query<{ generation: number; position: unknown }>(
    takeSourceLease.bind({ tenant, source, holder, seconds }),
  )
  const [row] = rows
  return row && { lease: { ...wanted, generation: row.generation }, position: row.position }
}

/** Keeps the lease for `seconds` more and notes the lag; throws `LeaseLost`. */
export async function renewLease(
  pool: pg.Pool,
  lease: Lease,
  seconds: number,
  measured: { readonly lagSeconds?: number | undefined; readonly backlog?: number | undefined } = {},
): Promise<void> {
  const { lagSeconds: lag = null, backlog = null } = measured
  const { rowCount } = await pool.query(renewSourceLease.bind({ ...bound(lease), seconds, lag, backlog }))
  if (rowCount !== 1) throw new LeaseLost()
}

export interface SettledBatch {
  readonly position: unknown
  readonly processed: number
  readonly accepted: number
  readonly duplicates: number
  readonly failed: number
  readonly lagSeconds: number | undefined
}

/** Notes a batch whose events are durable, and the position after it; throws `LeaseLost`. */
export async function commitBatch(pool: pg.Pool, lease: Lease, batch: SettledBatch): Promise<void> {
  const { position, lagSeconds, ...counts } = batch
  const { rowCount } = await pool.query(
    commitSource.bind({
      ...bound(lease),
      ...counts,
      position: position === undefined ? null : JSON.stringify(position),
      lag: lagSeconds ?? null,
    }),
  )
  if (rowCount !== 1) throw new LeaseLost()
}

/** How a run ended: `error` for operators, without members' data. Returns the errors in a row, 0 after a good one. */
export async function endRun(
  pool: pg.Pool,
  lease: Lease,
  end: { readonly state: 'waiting' | 'failing' | 'stopped'; readonly error?: string },
): Promise<number> {
  const { rows } = await pool.query<{ consecutive_errors: number }>(
    endSourceRun.bind({
      ...bound(lease),
      state: end.state,
      error: end.error?.slice(0, 500) ?? null,
      release: end.state === 'stopped',
    }),
  )
  return rows[0]?.consecutive_errors ?? 0
}

/** Forgets every lease. Only for the embedded engine at start: it serves one process tree, so holders are gone. */
export async function forgetLeases(pool: pg.Pool): Promise<void> {
  await pool.query(`update analytics.source_runners set holder = null, lease_until = '-infinity', state = 'stopped'`)
}

/** How a source of a tenant is doing, by whichever worker runs it. */
export interface SourceStatus {
  readonly tenant: string
  readonly source: string
  /** `lost`: its worker is gone and no other has taken over yet. `pushed`: it hands over by itself. */
  readonly state: 'running' | 'waiting' | 'failing' | 'stopped' | 'lost' | 'pushed'
  /** Of what is pushed: how late the newest message of the last batch came. */
  readonly lag_seconds: number | null
  /** What waits on the other side, in its own unit. */
  readonly backlog: number | null
  readonly processed: number
  readonly accepted: number
  readonly duplicates: number
  readonly failed: number
  readonly errors: number
  readonly consecutive_errors: number
  readonly last_error: string | null
  /** ISO instant. */
  readonly last_batch_at: string | null
}

/** Every source that ever ran; empty before the table is there. */
export async function sourceStatus(pool: pg.Pool): Promise<SourceStatus[]> {
  const { rows: known } = await pool.query<{ there: boolean }>(
    `select to_regclass('analytics.source_status') is not null as there`,
  )
  if (!known[0]?.there) return []
  const { rows } = await pool.query<SourceStatus>(
    `select tenant, source, state, lag_seconds, backlog, processed, accepted, duplicates, failed, errors, consecutive_errors, last_error,
       last_batch_at
     from analytics.source_status order by tenant, source`,
  )
  return rows
}

/** What came by request instead of being read. `newestAt` (ms): when the newest of it happened, as far as it is known. */
export interface PushedBatch extends Pick<SettledBatch, 'processed' | 'accepted' | 'duplicates' | 'failed'> {
  readonly newestAt?: number | undefined
}

/** Counts what a source handed over by itself (webhooks, deliveries, imports): it has no lease. */
export async function countPushed(pool: pg.Pool, tenantId: string, source: string, batch: PushedBatch): Promise<void> {
  const { newestAt, ...counts } = batch
  const lag = newestAt === undefined ? null : Math.max(0, (Date.now() - newestAt) / 1000)
  await pool.query(countPushedBatch.bind({ tenant: tenantId, source, ...counts, lag }))
}
