import { randomUUID } from 'node:crypto'
import type pg from 'pg'

/**
 * Rows of a query as of one instant, a page at a time, from a held cursor: the query runs once, the database keeps its rows,
 * and between two pages the embedded engine's one session serves others. `query` is complete: a cursor takes no parameters.
 */
export async function* heldRows<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  query: string,
  options: { readonly page: number; readonly begin?: (client: pg.PoolClient) => Promise<unknown> },
): AsyncGenerator<Row[]> {
  const { page, begin = (client: pg.PoolClient) => client.query('begin') } = options
  const cursor = `held_${randomUUID().replaceAll('-', '')}`
  const client = await pool.connect()
  let broken: Error | undefined
  let isHeld = false
  try {
    await begin(client)
    await client.query(`declare ${cursor} no scroll cursor with hold for ${query}`)
    await client.query('commit')
    isHeld = true
    for (;;) {
      const { rows } = await client.query<Row>(`fetch ${Number(page)} from ${cursor}`)
      if (rows.length === 0) return
      yield rows
    }
  } finally {
    await client.query(isHeld ? `close ${cursor}` : 'rollback').catch((error: Error) => {
      broken = error
    })
    client.release(broken)
  }
}
