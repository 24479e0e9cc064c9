import type pg from 'pg'

/** An erasure that is not done yet. */
export interface OpenErasure {
  readonly id: string
  readonly tenant_id: string
  readonly tenant_slug: string
  readonly member_hash: string
  /** The member's id, as it was asked for. */
  readonly subject: string
  readonly requested_by: string
  readonly requested_at: string
}

/** Erasures that are not done, oldest first. */
export async function openErasures(pool: pg.Pool): Promise<OpenErasure[]> {
  const { rows } = await pool.query<OpenErasure>(
    `select e.id, e.tenant_id, t.slug as tenant_slug, e.member_hash, e.subject, e.requested_by, e.requested_at
     from analytics.erasures e join analytics.tenants t on t.id = e.tenant_id
     where e.completed_at is null order by e.requested_at`,
  )
  return rows
}

/** Adds to what the receipt will say, in the transaction that did it: a repetition after a crash finds nothing to add. */
export async function addCounts(
  client: pg.Pool | pg.PoolClient,
  erasure: Pick<OpenErasure, 'id'>,
  counts: Readonly<Record<string, number>>,
): Promise<void> {
  const found = Object.entries(counts).filter(([, count]) => count > 0)
  if (found.length === 0) return
  await client.query(
    `update analytics.erasures set counts = (
       select jsonb_object_agg(key, total)
       from (
         select key, sum(value::bigint) as total
         from (select * from jsonb_each_text(counts) union all select * from jsonb_each_text($2::jsonb)) both_counts
         group by key
       ) summed
     ) where id = $1`,
    [erasure.id, JSON.stringify(Object.fromEntries(found))],
  )
}
