import { createHash } from 'node:crypto'
import type pg from 'pg'
import { erasedName, erasureKeyOf, memberHash, possibleIds, withoutMember } from '../../sources/member-ids.ts'
import { factKeys } from '../../sources/revenue/customers.ts'
import { scrubBody } from '../../sources/revenue/scrub.ts'
import { type Provider, toFacts, toldAt } from '../../sources/revenue/to-facts.ts'
import { countPushed } from '../sources/runners.ts'
import { loadSql } from '../sql.ts'
import { inTransaction } from '../tenant.ts'

/** Whose events they are, and the key under which personal data in them is replaced. */
export interface RevenueIntake {
  readonly tenant: { readonly id: string }
  readonly piiKey: Buffer
}

/** How many events were new, by what became of them; the rest were there before. */
export interface StoredWebhooks {
  readonly facts: number
  readonly ignored: number
  readonly rejected: number
  readonly duplicates: number
}

const storeSql = loadSql(new URL('./store-webhooks.sql', import.meta.url))

/**
 * Stores provider events once each (by the provider's own id) with the facts they hold, in one statement: when it returns,
 * they are durable and marked for folding. Bodies of no documented shape are kept as `rejected` with the fields at fault.
 */
export async function storeWebhooks(
  pool: pg.Pool,
  { tenant, piiKey }: RevenueIntake,
  provider: Provider,
  bodies: readonly unknown[],
  { replay = false } = {},
): Promise<StoredWebhooks> {
  const scrubbed = bodies.map((body) => scrubBody(body, piiKey))
  const rows = await inTransaction(pool, async (client) => {
    // An erasure that begins now waits for this transaction, and then finds what it stored.
    await client.query('lock table analytics.erased_members in share mode')
    const events = (await withoutErased(client, tenant.id, erasureKeyOf(piiKey), scrubbed)).map((body) =>
      readingOf(provider, body),
    )
    const stored = await client.query<{ outcome: 'facts' | 'ignored' | 'rejected'; events: number }>(
      storeSql.bind({ tenant_id: tenant.id, provider, events: JSON.stringify(events), replay }),
    )
    return stored.rows
  })
  const counts = { facts: 0, ignored: 0, rejected: 0 }
  for (const { outcome, events: count } of rows) counts[outcome] = count
  return { ...counts, duplicates: bodies.length - counts.facts - counts.ignored - counts.rejected }
}

/**
 * Money of an erased member is still counted: the provider goes on billing, and finance must reconcile with it. The member's
 * id in it becomes the same nobody's name as in the ledger.
 */
async function withoutErased(
  client: pg.PoolClient,
  tenantId: string,
  erasureKey: Buffer,
  bodies: readonly unknown[],
): Promise<unknown[]> {
  const { rows } = await client.query<{ member_hash: string }>(
    'select member_hash from analytics.erased_members where tenant_id = $1',
    [tenantId],
  )
  if (rows.length === 0) return [...bodies]
  const erased = new Set(rows.map((row) => row.member_hash))
  return bodies.map((body) => {
    let kept = body
    for (const id of possibleIds(body)) {
      const hash = memberHash(erasureKey, id)
      if (erased.has(hash)) kept = withoutMember(kept, id, erasedName(hash))
    }
    return kept
  })
}

/** What a provider's body says, as it is stored: its facts and the keys by which they hang together. */
export function readingOf(provider: Provider, body: unknown) {
  const reading = toFacts(provider, body)
  const facts = reading.outcome === 'facts' ? reading.facts : []
  return {
    event_id: reading.event_id ?? `sha256:${createHash('sha256').update(JSON.stringify(body)).digest('hex')}`,
    type: reading.type,
    body,
    outcome: reading.outcome,
    reason: reading.outcome === 'ignored' ? reading.reason : null,
    errors: reading.outcome === 'rejected' ? reading.errors : null,
    facts,
    keys: [...new Set(facts.flatMap(factKeys))],
  }
}

/** Provider events in the counters of sources, under the name of the way on which they came. */
export async function countWebhooks(
  pool: pg.Pool,
  tenantId: string,
  source: string,
  provider: Provider,
  bodies: readonly unknown[],
  { facts, ignored, rejected, duplicates }: StoredWebhooks,
): Promise<void> {
  const times = bodies.map((body) => toldAt(provider, body)).filter((at) => at !== undefined)
  const newestAt = times.length === 0 ? undefined : times.reduce((a, b) => Math.max(a, b))
  const counts = { processed: bodies.length, accepted: facts + ignored, duplicates, failed: rejected, newestAt }
  await countPushed(pool, tenantId, source, counts)
}

const BATCH = 500

/** Reads kept events that were rejected or ignored again, after a fix. Returns what became of them now. */
export async function replayWebhooks(pool: pg.Pool, intake: RevenueIntake): Promise<StoredWebhooks> {
  const total = { facts: 0, ignored: 0, rejected: 0, duplicates: 0 }
  let after = 0
  for (;;) {
    const { rows } = await pool.query<{ id: number; provider: Provider; body: unknown }>(
      `select id, provider, body from analytics.revenue_webhooks
       where tenant_id = $1 and outcome in ('rejected', 'ignored') and id > $2 order by id limit $3`,
      [intake.tenant.id, after, BATCH],
    )
    const last = rows.at(-1)
    if (!last) return total
    after = last.id
    for (const provider of ['stripe', 'revenuecat'] as const) {
      const bodies = rows.filter((row) => row.provider === provider).map(({ body }) => body)
      if (bodies.length === 0) continue
      const stored = await storeWebhooks(pool, intake, provider, bodies, { replay: true })
      for (const outcome of ['facts', 'ignored', 'rejected', 'duplicates'] as const) total[outcome] += stored[outcome]
    }
  }
}

/** A provider event of no documented shape, as it is kept: its personal data is replaced. */
export interface RejectedWebhook {
  readonly id: number
  readonly received_at: string
  readonly provider: Provider
  readonly type: string | null
  readonly event_id: string
  readonly errors: readonly { readonly field: string; readonly code: string; readonly message: string }[]
}

/** A tenant's rejected provider events, oldest first, and how many there are in all. */
export async function listRejectedWebhooks(
  pool: pg.Pool,
  tenantId: string,
  limit: number,
): Promise<{ rows: RejectedWebhook[]; total: number }> {
  const { rows } = await pool.query<RejectedWebhook & { total: number }>(
    `select id, received_at, provider, type, event_id, errors, count(*) over () as total
     from analytics.revenue_webhooks where tenant_id = $1 and outcome = 'rejected' order by id limit $2`,
    [tenantId, limit],
  )
  return { rows: rows.map(({ total: _, ...row }) => row), total: rows[0]?.total ?? 0 }
}
