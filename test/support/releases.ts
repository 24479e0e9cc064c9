import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type pg from 'pg'
import { z } from 'zod'
import { aggregates } from '../../db/aggregates.ts'

/**
 * What an earlier release stored and answered: made by running that release (embedded engine, four members, Stripe) and asking
 * its API. Rows are those of schema analytics; answers are the series of every metric it had, by path.
 */
const releaseSchema = z.object({
  migrations: z.array(z.string()),
  tenant: z.uuid(),
  tables: z.record(z.string(), z.array(z.record(z.string(), z.unknown()))),
  answers: z.record(z.string(), z.unknown()),
})
export type Release = z.infer<typeof releaseSchema>

export const readRelease = (name: string): Release =>
  releaseSchema.parse(
    JSON.parse(gunzipSync(readFileSync(new URL(`../releases/${name}.json.gz`, import.meta.url))).toString('utf8')),
  )

/** Puts the release's rows into a database that has exactly its migrations, and fills its aggregates. */
export async function loadRelease(pool: pg.Pool, release: Release): Promise<void> {
  const client = await pool.connect()
  try {
    // Rows come as they were stored: nothing is marked, stamped or checked against rows that come later.
    await client.query('begin')
    await client.query('set local session_replication_role = replica')
    for (const [table, rows] of Object.entries(release.tables)) {
      // Some have a row from their migration.
      await client.query(`delete from analytics.${table}`)
      await client.query(
        `insert into analytics.${table} overriding system value
         select * from jsonb_populate_recordset(null::analytics.${table}, $1)`,
        [JSON.stringify(rows)],
      )
    }
    await client.query('commit')
    await client.query(
      `select setval(pg_get_serial_sequence('analytics.revenue_webhooks', 'id'), (select max(id) from analytics.revenue_webhooks))`,
    )
    const { rows } = await client.query<{ name: string }>(
      `select view_name as name from timescaledb_information.continuous_aggregates where view_schema = 'analytics'`,
    )
    for (const { name } of aggregates)
      if (rows.some((row) => row.name === name))
        await client.query(`call refresh_continuous_aggregate('analytics.${name}', null, null)`)
  } finally {
    client.release()
  }
}
