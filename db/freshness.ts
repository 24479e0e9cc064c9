import type pg from 'pg'

/** Everything received before this instant is counted (ISO); call inside a tenant transaction. */
export async function freshUntil(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ fresh_until: string }>(
    'select least(e.fresh_until, r.fresh_until) as fresh_until from freshness e, revenue_freshness r',
  )
  return rows[0]?.fresh_until ?? new Date(0).toISOString()
}
