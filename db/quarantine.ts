import type pg from 'pg'
import { erasureKeyOf } from '../sources/member-ids.ts'
import { scrubRaw } from '../sources/pii.ts'
import { acceptEvents, configuredPiiKeys, type Intake } from './accept-events.ts'
import { quarantine } from './ingest.ts'

/** A rejected event as it is kept: its PII is replaced. */
export interface QuarantinedRow {
  readonly id: number
  /** ISO instant. */
  readonly received_at: string
  readonly source: string
  readonly errors: readonly { readonly field: string; readonly code: string; readonly message: string }[]
  readonly body: unknown
  readonly sent_at: string | null
}

/** A tenant's open entries, oldest first, from after `afterId` on. */
export async function listQuarantine(
  pool: pg.Pool,
  tenantId: string,
  limit: number,
  afterId = 0,
): Promise<QuarantinedRow[]> {
  const { rows } = await pool.query<QuarantinedRow>(
    `select id, received_at, source, errors, body, sent_at from analytics.quarantine
     where tenant_id = $1 and replayed_at is null and id > $2 order by id limit $3`,
    [tenantId, afterId, limit],
  )
  return rows
}

/** How many of a tenant's events are kept, by the code of their first error. */
export async function countQuarantine(pool: pg.Pool, tenantId: string): Promise<{ code: string; events: number }[]> {
  const { rows } = await pool.query<{ code: string; events: number }>(
    `select errors -> 0 ->> 'code' as code, count(*) as events from analytics.quarantine
     where tenant_id = $1 and replayed_at is null group by 1 order by 2 desc, 1`,
    [tenantId],
  )
  return rows
}

/** Keeps messages of a source of which no event could be made; their personal data is replaced. */
export async function quarantineMessages(
  pool: pg.Pool,
  { tenant, piiKey }: Intake,
  source: string,
  messages: readonly { readonly body: unknown; readonly code: string; readonly message: string }[],
): Promise<void> {
  const personal = configuredPiiKeys(tenant)
  const entries = messages.map(({ body, code, message }) => ({
    body: scrubRaw(body, piiKey, personal),
    errors: [{ field: '', code, message }],
  }))
  await quarantine(pool, tenant, entries, { erasureKey: erasureKeyOf(piiKey), source })
}

export interface QuarantineReplay {
  readonly accepted: number
  readonly duplicates: number
  /** Still not valid: they stay, with their present errors. */
  readonly rejected: number
}

/** Entries of one request share when it came and what its clock said: its times are corrected as they would have been. */
const groupKey = (row: QuarantinedRow): string => (row.sent_at === null ? '' : `${row.received_at}/${row.sent_at}`)

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item])
  return groups
}

/** Sends kept events through the one way in again. What is stored now, or was before, leaves the quarantine. */
export async function replayQuarantine(
  pool: pg.Pool,
  intake: Intake,
  rows: readonly QuarantinedRow[],
): Promise<QuarantineReplay> {
  const total = { accepted: 0, duplicates: 0, rejected: 0 }
  for (const group of groupBy(rows, groupKey).values()) {
    const [first] = group
    if (!first) continue
    const clock = first.sent_at
      ? { sent_at: first.sent_at, now: Date.parse(first.received_at) }
      : { sent_at: undefined, now: Date.now() }
    const answer = await acceptEvents(
      pool,
      intake,
      { events: group.map(({ body }) => body), sent_at: clock.sent_at },
      { now: clock.now, keepRejected: false },
    )
    const problems = groupBy(answer.errors, ({ index }) => index)
    await settle(
      pool,
      group.map(({ id }, index) => ({ id, errors: problems.get(index) ?? null })),
    )
    total.accepted += answer.accepted
    total.duplicates += answer.duplicates
    total.rejected += answer.rejected
  }
  return total
}

/** Erased members' entries go; the others get their outcome. */
async function settle(pool: pg.Pool, outcomes: readonly { id: number; errors: unknown }[]): Promise<void> {
  await pool.query(
    `with erased as (
       delete from analytics.quarantine q using jsonb_to_recordset($1::jsonb) as o (id bigint, errors jsonb)
       where q.id = o.id and o.errors @> '[{"code": "member_erased"}]'
     )
     update analytics.quarantine q set
       replayed_at = case when o.errors is null then now() end,
       errors = coalesce(o.errors, q.errors)
     from jsonb_to_recordset($1::jsonb) as o (id bigint, errors jsonb)
     where q.id = o.id and o.errors @> '[{"code": "member_erased"}]' is not true`,
    [JSON.stringify(outcomes)],
  )
}
