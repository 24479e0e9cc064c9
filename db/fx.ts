import type pg from 'pg'
import type { DailyRate } from '../sources/revenue/ecb-rates.ts'
import { announceRefreshed } from './ledgers.ts'

/** Stores rates; a rate that is known for the day is replaced. Returns how many changed. Everybody's cached money dies. */
export async function importRates(pool: pg.Pool, rates: readonly DailyRate[]): Promise<{ changed: number }> {
  const { rowCount } = await pool.query(
    `insert into analytics.fx_rates as r (currency, day, rate)
     select distinct on (currency, day) currency, day, rate
     from jsonb_to_recordset($1::jsonb) as x (currency text, day date, rate numeric)
     on conflict (currency, day) do update set rate = excluded.rate where r.rate <> excluded.rate`,
    [JSON.stringify(rates)],
  )
  const tenants = await pool.query<{ tenant_id: string }>('select tenant_id from analytics.revenue_state')
  await announceRefreshed(
    pool,
    tenants.rows.map(({ tenant_id }) => tenant_id),
  )
  return { changed: rowCount ?? 0 }
}
