import type pg from 'pg'
import { announceRefreshed } from '../ledgers.ts'
import type { MasterKey } from '../secrets.ts'
import { inTransaction } from '../tenant.ts'
import type { OpenErasure } from './member.ts'
import { type Receipt, signReceipt } from './receipt.ts'

/** Forgets the id, and proves it: a signed receipt in the erasure and in the audit log, in one transaction. */
export async function completeErasure(pool: pg.Pool, masterKey: MasterKey, erasure: OpenErasure): Promise<Receipt> {
  const { rows } = await pool.query<{ counts: Record<string, number>; request_id: string }>(
    'select counts, request_id from analytics.erasures where id = $1',
    [erasure.id],
  )
  const { counts = {}, request_id = '' } = rows[0] ?? {}
  const completedAt = new Date().toISOString()
  const receipt = await signReceipt(pool, masterKey, {
    erasure_id: erasure.id,
    tenant_id: erasure.tenant_id,
    member_hash: erasure.member_hash,
    requested_by: erasure.requested_by,
    requested_at: erasure.requested_at,
    completed_at: completedAt,
    counts,
  })
  await inTransaction(pool, async (client) => {
    const done = await client.query(
      `update analytics.erasures set subject = null, completed_at = $2, receipt = $3
       where id = $1 and completed_at is null`,
      [erasure.id, completedAt, JSON.stringify(receipt)],
    )
    if (done.rowCount === 0) return
    await client.query(
      `insert into analytics.analytics_audit_log (at, tenant_id, actor, role, action, route, parameters, status, request_id)
       values ($1, $2, $3, 'admin', 'member.erased', 'DELETE /api/analytics/members/:user_id', $4, 200, $5)`,
      [completedAt, erasure.tenant_id, erasure.requested_by, JSON.stringify(receipt), request_id],
    )
    await announceRefreshed(client, [erasure.tenant_id])
  })
  return receipt
}
