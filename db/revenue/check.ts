import type pg from 'pg'
import { loadSql } from '../sql.ts'

const checkLedger = loadSql(new URL('./check-ledger.sql', import.meta.url))

/** What is wrong with the MRR ledgers of all tenants: nothing, or a ledger or aggregate was damaged. */
export async function checkRevenue(pool: pg.Pool): Promise<{ tenant_id: string; finding: string }[]> {
  return (await pool.query<{ tenant_id: string; finding: string }>(checkLedger.bind({}))).rows
}
