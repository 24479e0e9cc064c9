import type pg from 'pg'
import { erasedName, withoutMember } from '../../sources/member-ids.ts'
import { inTransaction } from '../tenant.ts'
import { addCounts, type OpenErasure } from './member.ts'

/** Rejected events of the member and work set aside go; in the events of others only the id is replaced. */
export async function eraseQuarantine(pool: pg.Pool, erasure: OpenErasure): Promise<void> {
  const { tenant_id, subject, member_hash } = erasure
  await inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ id: number; body: unknown; errors: unknown }>(
      `select id, body, errors from analytics.quarantine
       where tenant_id = $1 and strpos(concat(body, errors), $2) > 0 for update`,
      [tenant_id, subject],
    )
    const changed = rows.flatMap(({ id, ...row }) => {
      const without = withoutMember(row, subject, erasedName(member_hash)) as typeof row
      return without === row ? [] : [{ id, ...without, own: isAbout(row.body, subject) }]
    })
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
  const { tenant_id, subject, member_hash } = erasure
  await inTransaction(pool, async (client) => {
    await client.query(`set local analytics.audit_exception = 'erasure'`)
    const { rows } = await client.query<{ parameters: Record<string, unknown> }>(
      `select distinct parameters from analytics.analytics_audit_log
       where tenant_id = $1 and strpos(parameters::text, $2) > 0`,
      [tenant_id, subject],
    )
    for (const { parameters } of rows) {
      const without = withoutMember(parameters, subject, erasedName(member_hash))
      if (without === parameters) continue
      const { rowCount } = await client.query(
        'update analytics.analytics_audit_log set parameters = $3 where tenant_id = $1 and parameters = $2',
        [tenant_id, JSON.stringify(parameters), JSON.stringify(without)],
      )
      await addCounts(client, erasure, { analytics_audit_log: rowCount ?? 0 })
    }
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
