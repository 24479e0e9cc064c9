import type pg from 'pg'

/** Everything received before this instant is counted (ISO); call inside a tenant transaction. */
export async function freshUntil(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ fresh_until: string }>('select fresh_until from freshness')
  return rows[0]?.fresh_until ?? new Date(0).toISOString()
}
