import type pg from 'pg'
import { inTransaction } from '../tenant.ts'
import { addCounts, type OpenErasure } from './member.ts'
import { auditParametersOf, exportsNaming, quarantinedOf } from './named.ts'

/** Rejected events of the member and work set aside go; in the events of others only the id is replaced. */
export async function eraseQuarantine(pool: pg.Pool, erasure: OpenErasure): Promise<void> {
  const { tenant_id, subject } = erasure
  await inTransaction(pool, async (client) => {
    // Nobody replays them meanwhile.
    await client.query(
      'select from analytics.quarantine where tenant_id = $1 and strpos(concat(body, errors), $2) > 0 for update',
      [tenant_id, subject],
    )
    const changed = (await quarantinedOf(client, erasure)).map(({ id, body, without }) => ({
      id,
      ...without,
      own: isAbout(body, subject),
    }))
    await client.query(
      `with given as (select * from jsonb_to_recordset($1::jsonb) as x (id bigint, body jsonb, errors jsonb, own boolean)),
       gone as (delete from analytics.quarantine q using given g where q.id = g.id and g.own)
       update analytics.quarantine q set body = g.body, errors = g.errors from given g where q.id = g.id and not g.own`,
      [JSON.stringify(changed)],
    )
    const parked = await client.query('delete from analytics.parked_members where tenant_id = $1 and user_id = $2', [
      tenant_id,
      subject,
    ])
    await addCounts(client, erasure, { quarantine: changed.length, parked_members: parked.rowCount ?? 0 })
  })
}

function isAbout(body: unknown, userId: string): boolean {
  if (typeof body !== 'object' || body === null) return false
  return ['user_id', 'userId', 'distinct_id', 'member_id'].some((key) => Reflect.get(body, key) === userId)
}

/** Who read, exported or changed something stays; about whom they asked does not. */
export async function eraseAuditParameters(pool: pg.Pool, erasure: OpenErasure): Promise<void> {
  const { tenant_id } = erasure
  await inTransaction(pool, async (client) => {
    await client.query(`set local analytics.audit_exception = 'erasure'`)
    for (const { parameters, without } of await auditParametersOf(client, erasure)) {
      const { rowCount } = await client.query(
        'update analytics.analytics_audit_log set parameters = $3 where tenant_id = $1 and parameters = $2',
        [tenant_id, JSON.stringify(parameters), JSON.stringify(without)],
      )
      await addCounts(client, erasure, { analytics_audit_log: rowCount ?? 0 })
    }
  })
}

/** Who asked for what stays, about whom does not; an export of the member that is not made yet never will be. */
export async function eraseExportRequests(pool: pg.Pool, erasure: OpenErasure): Promise<void> {
  await inTransaction(pool, async (client) => {
    const named = await exportsNaming(client, erasure)
    for (const { id, without } of named)
      await client.query(
        `update analytics.report_jobs
         set payload = $2, params = $3, request_hash = 'erased', idempotency_key = null,
           status = case when type = 'member' and status in ('queued', 'running') then 'cancelled' else status end,
           run = case when type = 'member' then null else run end,
           lease_until = case when type = 'member' then null else lease_until end,
           finished_at = case when type = 'member' then coalesce(finished_at, now()) else finished_at end
         where id = $1`,
        [id, JSON.stringify(without.payload), JSON.stringify(without.params)],
      )
    await addCounts(client, erasure, { report_jobs: named.length })
  })
}

/** The planner's statistics hold samples of what columns contain: those that hold the id are taken anew. */
export async function eraseStatistics(pool: pg.Pool, { subject }: OpenErasure): Promise<void> {
  const { rows } = await pool.query<{ name: string }>(
    `select distinct format('%I.%I', schemaname, tablename) as name from pg_stats
     where strpos(concat(most_common_vals, histogram_bounds, most_common_elems), $1) > 0
       and schemaname in ('analytics', '_timescaledb_internal', 'bullmq')`,
    [subject],
  )
  for (const { name } of rows) await pool.query(`analyze ${name}`)
}
