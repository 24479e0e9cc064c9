import type pg from 'pg'
import { FOLD_LOCK, recordTouched } from '../ledgers.ts'
import { loadSql } from '../sql.ts'
import { inTransaction } from '../tenant.ts'
import { addCounts, type OpenErasure } from './member.ts'
import { type Mention, mentionsOf, pieces } from './named.ts'

const memberSpan = loadSql(new URL('./member-span.sql', import.meta.url))
const eraseEvents = loadSql(new URL('./erase-events.sql', import.meta.url))
const rewriteMentions = loadSql(new URL('./rewrite-mentions.sql', import.meta.url))

/** Takes the limit off rows that may be decompressed; the pieces are the limit here. */
const withoutLimit = (client: pg.PoolClient) =>
  client.query('set local timescaledb.max_tuples_decompressed_per_dml_transaction = 0')

async function span(
  pool: pg.Pool,
  { tenant_id, subject }: OpenErasure,
): Promise<{ from: string; to: string } | undefined> {
  const { rows } = await pool.query<{ from_at: string | null; to_at: string | null }>(
    memberSpan.bind({ tenant: tenant_id, member: subject }),
  )
  const [row] = rows
  return row?.from_at && row.to_at ? { from: row.from_at, to: row.to_at } : undefined
}

/** Deletes the member's raw events, then everything that was ever folded from them. Returns how many rows there were. */
export async function eraseRows(pool: pg.Pool, erasure: OpenErasure): Promise<number> {
  let total = 0
  const stored = await span(pool, erasure)
  for (const piece of stored ? pieces(stored.from, stored.to) : []) {
    total += await inTransaction(pool, async (client) => {
      await withoutLimit(client)
      const { rows } = await client.query<{
        events: number
        corrections: number
        from_at: string | null
        to_at: string | null
      }>(
        eraseEvents.bind({
          tenant: erasure.tenant_id,
          member: erasure.subject,
          from_at: piece.from,
          to_at: piece.to,
        }),
      )
      const { events = 0, corrections = 0, from_at = null, to_at = null } = rows[0] ?? {}
      if (from_at && to_at)
        await recordTouched(client, [{ source: 'events', from: from_at, to: to_at }], [erasure.tenant_id])
      await addCounts(client, erasure, { events, event_corrections: corrections })
      return events
    })
  }
  return total + (await eraseLedgers(pool, erasure))
}

function eraseLedgers(pool: pg.Pool, erasure: OpenErasure): Promise<number> {
  return inTransaction(pool, async (client) => {
    // A fold that has read the member's events already would write its ledger again.
    await client.query('select pg_advisory_xact_lock($1)', [FOLD_LOCK])
    await withoutLimit(client)
    const { rows } = await client.query<{ source: string; rows: number; from_at: string | null; to_at: string | null }>(
      'select source, rows, from_at, to_at from analytics.erase_member($1, $2)',
      [erasure.tenant_id, erasure.subject],
    )
    const touched = rows.flatMap(({ source, from_at, to_at }) =>
      from_at && to_at ? [{ source, from: from_at, to: to_at }] : [],
    )
    await recordTouched(client, touched, [erasure.tenant_id])
    await addCounts(client, erasure, Object.fromEntries(rows.map((row) => [row.source, row.rows])))
    return rows.reduce((sum, row) => sum + row.rows, 0)
  })
}

/** Replaces the member's id in what other members' events say about them: who invited whom, a shared link. */
export async function eraseMentions(pool: pg.Pool, erasure: OpenErasure): Promise<void> {
  for await (const found of mentionsOf(pool, erasure))
    for (const member of new Set(found.map(({ user_id }) => user_id))) {
      const theirs = found.filter(({ user_id }) => user_id === member)
      await rewrite(
        pool,
        erasure,
        theirs.map(({ without, ...event }) => ({ ...event, properties: without })),
      )
    }
}

async function rewrite(
  pool: pg.Pool,
  erasure: OpenErasure,
  events: readonly (Omit<Mention, 'properties'> & { properties: unknown })[],
): Promise<void> {
  const times = events.map(({ occurred_at }) => occurred_at).sort()
  const [first] = events
  if (!first) return
  await inTransaction(pool, async (client) => {
    await withoutLimit(client)
    const { rows } = await client.query<{ rows: number }>(
      rewriteMentions.bind({
        tenant: erasure.tenant_id,
        member: first.user_id,
        from_at: times[0],
        to_at: times.at(-1),
        rows: JSON.stringify(events),
      }),
    )
    await addCounts(client, erasure, { mentions: rows[0]?.rows ?? 0 })
  })
}
