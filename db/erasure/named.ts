import type pg from 'pg'
import { erasedName, withoutMember } from '../../sources/member-ids.ts'
import type { RevenueFact } from '../../sources/revenue/facts.ts'
import type { Provider } from '../../sources/revenue/to-facts.ts'
import { loadSql } from '../sql.ts'

/**
 * Where a member is named outside of their own rows. The erasure replaces what is found here, the export of a member lists
 * it: neither can forget a place that the other knows.
 */

/** Whom to look for. */
export interface Named {
  readonly tenant_id: string
  /** The member's id, as it is stored. */
  readonly subject: string
  readonly member_hash: string
}

type Client = pg.Pool | pg.ClientBase

const mentionsSql = loadSql(new URL('./mentions.sql', import.meta.url))

const DAY_MS = 86_400_000
/** Days of raw events that one statement reads or changes: what it decompresses must fit into the embedded engine's memory. */
const PIECE_DAYS = 31

/** Ranges of at most `PIECE_DAYS` that cover two instants, both inclusive. */
export function* pieces(from: string, to: string): Generator<{ from: string; to: string }> {
  const end = Date.parse(to) + 1
  for (let at = Math.floor(Date.parse(from) / DAY_MS) * DAY_MS; at < end; at += PIECE_DAYS * DAY_MS)
    yield { from: new Date(at).toISOString(), to: new Date(at + PIECE_DAYS * DAY_MS).toISOString() }
}

export interface Mention {
  readonly event_id: string
  readonly occurred_at: string
  /** Whose event it is: somebody else's. */
  readonly user_id: string
  readonly type: string
  readonly properties: Readonly<Record<string, unknown>>
}

/** Other members' events that name the member, a piece of time after the other; `without` are their properties without. */
export async function* mentionsOf(
  client: Client,
  { tenant_id, subject, member_hash }: Named,
): AsyncGenerator<(Mention & { without: unknown })[]> {
  const { rows } = await client.query<{ first: string | null; last: string | null }>(
    `select min(range_start) as first, max(range_end) as last from timescaledb_information.chunks
     where hypertable_schema = 'analytics' and hypertable_name = 'events'`,
  )
  const { first = null, last = null } = rows[0] ?? {}
  if (!first || !last) return
  for (const piece of pieces(first, last)) {
    const found = await client.query<Mention>(
      mentionsSql.bind({ tenant: tenant_id, member: subject, from_at: piece.from, to_at: piece.to }),
    )
    yield found.rows.flatMap((row) => {
      const without = withoutMember(row.properties, subject, erasedName(member_hash))
      return without === row.properties ? [] : [{ ...row, without }]
    })
  }
}

export interface StoredBilling {
  readonly provider: Provider
  readonly event_id: string
  readonly type: string | null
  readonly received_at: string
  readonly body: unknown
  readonly facts: readonly RevenueFact[]
  readonly without: unknown
}

/** What providers sent about the member, with the facts it holds. */
export async function billingOf(
  client: Client,
  { tenant_id, subject, member_hash }: Named,
): Promise<readonly StoredBilling[]> {
  const { rows } = await client.query<Omit<StoredBilling, 'without'>>(
    `select w.provider, w.event_id, w.type, w.received_at, w.body, coalesce((
       select jsonb_agg(f.fact) from analytics.revenue_facts f
       where f.tenant_id = w.tenant_id and f.provider = w.provider and f.event_id = w.event_id
     ), '[]') as facts
     from analytics.revenue_webhooks w
     where w.tenant_id = $1 and strpos(w.body::text, $2) > 0 order by w.id`,
    [tenant_id, subject],
  )
  return rows.flatMap((row) => {
    const without = withoutMember(row.body, subject, erasedName(member_hash))
    return without === row.body ? [] : [{ ...row, without }]
  })
}

export interface Rejected {
  readonly id: number
  readonly received_at: string
  readonly body: unknown
  readonly errors: unknown
}

/** Rejected events that name the member. */
export async function quarantinedOf(
  client: Client,
  { tenant_id, subject, member_hash }: Named,
): Promise<readonly (Rejected & { without: Pick<Rejected, 'body' | 'errors'> })[]> {
  const { rows } = await client.query<Rejected>(
    `select id, received_at, body, errors from analytics.quarantine
     where tenant_id = $1 and strpos(concat(body, errors), $2) > 0 order by id`,
    [tenant_id, subject],
  )
  return rows.flatMap((row) => {
    const { body, errors } = row
    const given = { body, errors }
    const without = withoutMember(given, subject, erasedName(member_hash)) as typeof given
    return without === given ? [] : [{ ...row, without }]
  })
}

/** Parameters of the audit log that name the member, each once. */
export async function auditParametersOf(
  client: Client,
  { tenant_id, subject, member_hash }: Named,
): Promise<readonly { parameters: Readonly<Record<string, unknown>>; without: unknown }[]> {
  const { rows } = await client.query<{ parameters: Record<string, unknown> }>(
    `select distinct parameters from analytics.analytics_audit_log
     where tenant_id = $1 and strpos(parameters::text, $2) > 0`,
    [tenant_id, subject],
  )
  return rows.flatMap(({ parameters }) => {
    const without = withoutMember(parameters, subject, erasedName(member_hash))
    return without === parameters ? [] : [{ parameters, without }]
  })
}

export interface AskedExport {
  readonly id: string
  readonly type: string
  readonly created_at: string
  readonly payload: unknown
  readonly params: unknown
}

/** Exports that were asked for by the member's name. */
export async function exportsNaming(
  client: Client,
  { tenant_id, subject, member_hash }: Named,
): Promise<readonly (AskedExport & { without: Pick<AskedExport, 'payload' | 'params'> })[]> {
  const { rows } = await client.query<AskedExport>(
    `select id, type, created_at, payload, params from analytics.report_jobs
     where tenant_id = $1 and strpos(concat(payload, params), $2) > 0 order by created_at`,
    [tenant_id, subject],
  )
  return rows.flatMap((row) => {
    const { payload, params } = row
    const given = { payload, params }
    const without = withoutMember(given, subject, erasedName(member_hash)) as typeof given
    return without === given ? [] : [{ ...row, without }]
  })
}
