import type pg from 'pg'
import { erasureKeyOf, memberHash } from '../../sources/member-ids.ts'
import { inTransaction } from '../tenant.ts'
import type { Receipt } from './receipt.ts'

/** An erasure as it may be shown: it says of nobody who was erased. */
export interface Erasure {
  readonly id: string
  readonly status: 'running' | 'completed'
  readonly member_hash: string
  readonly requested_by: string
  readonly requested_at: string
  readonly completed_at: string | null
  readonly receipt: Receipt | null
}

const columns = `id, case when completed_at is null then 'running' else 'completed' end as status, member_hash, requested_by,
  requested_at, completed_at, receipt`

/** Whatever stores something about members holds this lock for as long as one statement takes. */
const LOCK_TIMEOUT = '10s'

/**
 * Begins the erasure of a member: from the moment this returns, nothing about them is taken in any more, and everything
 * that was is on the list of the workers. A member that was erased before gives that erasure.
 */
export async function requestErasure(
  pool: pg.Pool,
  intake: { readonly tenant: { readonly id: string }; readonly piiKey: Buffer },
  userId: string,
  by: { readonly actor: string; readonly requestId: string },
): Promise<Erasure> {
  const tenantId = intake.tenant.id
  const hash = memberHash(erasureKeyOf(intake.piiKey), userId)
  await inTransaction(pool, async (client) => {
    await client.query(`set local lock_timeout = '${LOCK_TIMEOUT}'`)
    // Waits for every statement that has not seen the row that follows; those after it will.
    await client.query('lock table analytics.erased_members in access exclusive mode')
    await client.query(
      `with tombstone as (
         insert into analytics.erased_members (tenant_id, member_hash) values ($1, $2) on conflict do nothing
       )
       insert into analytics.erasures (tenant_id, member_hash, subject, requested_by, request_id)
       values ($1, $2, $3, $4, $5) on conflict (tenant_id, member_hash) do nothing`,
      [tenantId, hash, userId, by.actor, by.requestId],
    )
  })
  const { rows } = await pool.query<Erasure>(
    `select ${columns} from analytics.erasures where tenant_id = $1 and member_hash = $2`,
    [tenantId, hash],
  )
  if (!rows[0]) throw new Error('the erasure that was just asked for is not there')
  return rows[0]
}

/** Whether a member was erased or is being erased. Within a transaction: nobody's erasure begins before it ends. */
export async function isErased(client: pg.ClientBase, tenantId: string, hash: string): Promise<boolean> {
  const { rowCount } = await client.query(
    'select from analytics.erased_members where tenant_id = $1 and member_hash = $2',
    [tenantId, hash],
  )
  return rowCount === 1
}

/** An erasure of a tenant by its id; undefined when there is none. */
export async function findErasure(pool: pg.Pool, tenantId: string, id: string): Promise<Erasure | undefined> {
  const { rows } = await pool.query<Erasure>(
    `select ${columns} from analytics.erasures where tenant_id = $1 and id = $2`,
    [tenantId, id],
  )
  return rows[0]
}
