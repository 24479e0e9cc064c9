import type pg from 'pg'
import { loadSql } from '../sql.ts'

const checkLedger = loadSql(new URL('./check-ledger.sql', import.meta.url))

/**
 * What is wrong with the MRR ledgers of all tenants: nothing, or a ledger or aggregate was damaged. What was found is kept
 * per tenant (`revenue_checks`), so that alerts see it.
 */
export async function checkRevenue(pool: pg.Pool): Promise<{ tenant_id: string; finding: string }[]> {
  const { rows } = await pool.query<{ tenant_id: string; finding: string }>(checkLedger.bind({}))
  await pool.query(
    `insert into analytics.revenue_checks (tenant_id, checked_at, findings, first_finding)
     select s.tenant_id, now(), count(f.finding), min(f.finding)
     from analytics.revenue_state s
     left join jsonb_to_recordset($1::jsonb) as f (tenant_id uuid, finding text) on f.tenant_id = s.tenant_id
     group by s.tenant_id
     on conflict (tenant_id) do update set checked_at = excluded.checked_at, findings = excluded.findings,
       first_finding = excluded.first_finding`,
    [JSON.stringify(rows)],
  )
  return rows
}
