import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type pg from 'pg'
import type { ParsedEvent } from '../sources/envelope.ts'
import { memberHash, possibleIds } from '../sources/member-ids.ts'
import { loadSql } from './sql.ts'
import type { Tenant } from './tenant.ts'

const ingestEvents = loadSql(new URL('./sql/ingest-events.sql', import.meta.url))

/** An event that may be stored: PII replaced, its instant corrected for the sender's clock. */
export interface StorableEvent {
  readonly event: ParsedEvent
  /** When it happened by our clock, ISO UTC; equals `event.occurred_at` unless the sender's clock was off. */
  readonly occurredAt: string
}

export interface StoredBatch {
  readonly accepted: number
  /** Positions in the batch whose identity was stored before, and whether the content differed then. */
  readonly duplicates: readonly { index: number; conflict: boolean }[]
  /** Positions of events whose member was erased: they are not stored. */
  readonly erased: readonly number[]
}

/** Objects with their keys in order: senders and databases do not keep the order of keys. */
const sortKeys = (_key: string, value: unknown): unknown =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value

/** Whether sorting the keys, at any depth, would change nothing. */
function isSorted(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return true
  if (Array.isArray(value)) return value.every(isSorted)
  let last = ''
  for (const [key, inner] of Object.entries(value)) {
    if (key < last || !isSorted(inner)) return false
    last = key
  }
  return true
}

/** 64 bits of SHA-256 over the stored content, as a signed decimal: tells a retry from a conflict. */
function contentHash(event: ParsedEvent): string {
  const { type, user_id, session_id, source, properties } = event
  const content = [type, user_id, session_id, source, properties]
  // Most senders' few keys are in order already, and a replacer costs several times the rest.
  const text = isSorted(properties) ? JSON.stringify(content) : JSON.stringify(content, sortKeys)
  return hash('sha256', text, 'buffer').readBigInt64BE().toString()
}

/** Hashes of members that send all the time. The erasure key is part of the key: it differs between tenants. */
const hashes = new LRUCache<string, string>({ max: 50_000 })

function knownHash(erasureKey: Buffer, keyText: string, userId: string): string {
  const key = keyText + userId
  const known = hashes.get(key)
  if (known !== undefined) return known
  const made = memberHash(erasureKey, userId)
  hashes.set(key, made)
  return made
}

/** What the statement needs of an event; what is null is left out. */
const rowOf = ({ event, occurredAt }: StorableEvent) => ({
  event_id: event.event_id,
  claimed_at: event.occurred_at,
  corrected_at: event.occurred_at === occurredAt ? undefined : occurredAt,
  type: event.type,
  user_id: event.user_id,
  session_id: event.session_id ?? undefined,
  subject_id: event.subject_id ?? undefined,
  source: event.source ?? undefined,
  is_action: event.is_action,
  properties: event.properties,
  content_hash: contentHash(event),
})

/**
 * Stores one batch durably in one statement: deduplicated, enriched with the member's plan, coach and cohort, marked for
 * the ledgers. Events come back as accepted or duplicate; nothing is half-written. Either all of a batch's times were
 * corrected or none was.
 */
export async function storeEvents(
  pool: pg.Pool,
  tenant: Tenant,
  batch: readonly StorableEvent[],
  erasureKey: Buffer,
): Promise<StoredBatch> {
  if (batch.length === 0) return { accepted: 0, duplicates: [], erased: [] }
  let minAt = '9999'
  let maxAt = ''
  const keyText = erasureKey.toString('latin1')
  const members = new Map<string, string>()
  for (const { event, occurredAt } of batch) {
    for (const at of [event.occurred_at, occurredAt]) {
      if (at < minAt) minAt = at
      if (at > maxAt) maxAt = at
    }
    if (!members.has(event.user_id)) members.set(event.user_id, knownHash(erasureKey, keyText, event.user_id))
  }
  const { rows: answers } = await pool.query<{
    accepted: number
    duplicates: { i: number; conflict: boolean }[]
    erased: number[]
  }>(
    ingestEvents.bind({
      tenant: tenant.id,
      members: JSON.stringify([...members].map(([user_id, hash]) => ({ user_id, hash }))),
      timezone: tenant.timezone,
      events: JSON.stringify(batch.map(rowOf)),
      skewed: isSkewed(batch[0]),
      min_at: minAt,
      max_at: maxAt,
    }),
  )
  const answer = answers[0]
  if (!answer) throw new Error('the ingest statement returned nothing')
  return {
    accepted: answer.accepted,
    duplicates: answer.duplicates.map(({ i, conflict }) => ({ index: i - 1, conflict })),
    erased: answer.erased.map((i) => i - 1),
  }
}

/** Its time was corrected for the sender's clock. */
export const isSkewed = (event: StorableEvent | undefined): boolean =>
  event !== undefined && event.event.occurred_at !== event.occurredAt

export interface QuarantinedEvent {
  readonly body: unknown
  readonly errors: readonly { field: string; code: string; message: string }[]
}

/**
 * Keeps rejected events, each once, until they are replayed after a fix, except those that name an erased member. Their PII must
 * already be replaced.
 */
export async function quarantine(
  pool: pg.Pool,
  tenant: Tenant,
  events: readonly QuarantinedEvent[],
  options: { readonly erasureKey: Buffer; readonly sentAt?: string | undefined; readonly source?: string | undefined },
): Promise<void> {
  if (events.length === 0) return
  const source = options.source ?? 'api'
  const rows = events.map((event) => ({
    ...event,
    // The same message, refused again because its batch is repeated, is kept once.
    key: hash('sha256', JSON.stringify([source, event.body], sortKeys), 'base64url'),
    hashes: [...possibleIds(event.body)].map((id) => memberHash(options.erasureKey, id)),
  }))
  await pool.query(
    `insert into analytics.quarantine (tenant_id, source, errors, body, sent_at, message_key)
     select $1, $2, errors, coalesce(body, 'null'), $4, key from jsonb_to_recordset($3::jsonb) as x (errors jsonb, body jsonb, key text, hashes text[])
     where not exists (
       select from analytics.erased_members e where e.tenant_id = $1 and e.member_hash = any(x.hashes)
     )
     on conflict (tenant_id, message_key) where replayed_at is null do nothing`,
    [tenant.id, source, JSON.stringify(rows), options.sentAt ?? null],
  )
}
