import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type pg from 'pg'
import type { ParsedEvent } from '../sources/envelope.ts'
import { memberHash, possibleIds } from '../sources/member-ids.ts'
import { contentHash, decimal } from './content-hash.ts'
import { bigintArray, booleanArray, instantArray, integerArray, jsonbArray, textArray } from './pg-arrays.ts'
import { sortedJson } from './sorted-json.ts'
import { loadSql } from './sql.ts'
import type { Tenant } from './tenant.ts'

const storeDated = loadSql(new URL('./sql/store-events.sql', import.meta.url))
const storedHashes = loadSql(new URL('./sql/stored-hashes.sql', import.meta.url))
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

/** Tenants that were seen to have events corrected for a sender's clock, for a minute: they need the longer statement. */
const corrected = new LRUCache<string, true>({ max: 10_000, ttl: 60_000 })

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
  if (!isSkewed(batch[0]) && !corrected.has(tenant.id)) {
    const stored = await storeAsDated(pool, tenant, batch, erasureKey)
    if (stored) return stored
    corrected.set(tenant.id, true)
  }
  return storeCorrected(pool, tenant, batch, erasureKey)
}

/** A member's share of a batch. */
interface BatchMember {
  /** Counted from 1. */
  readonly position: number
  readonly hash: string
  readonly types: string[]
  /** Instants of the first and last event, ms. */
  first: number
  last: number
}

/** Undefined, and nothing stored, when the tenant has events that were corrected for a sender's clock. */
async function storeAsDated(
  pool: pg.Pool,
  tenant: Tenant,
  batch: readonly StorableEvent[],
  erasureKey: Buffer,
): Promise<StoredBatch | undefined> {
  const keyText = erasureKey.toString('latin1')
  const members = new Map<string, BatchMember>()
  const instants: number[] = []
  const memberOf: number[] = []
  const properties: string[] = []
  const contentHashes: string[] = []
  for (const { event } of batch) {
    const at = Date.parse(event.occurred_at)
    let member = members.get(event.user_id)
    if (!member) {
      const hash = knownHash(erasureKey, keyText, event.user_id)
      member = { position: members.size + 1, hash, types: [], first: at, last: at }
      members.set(event.user_id, member)
    }
    if (at < member.first) member.first = at
    if (at > member.last) member.last = at
    if (!member.types.includes(event.type)) member.types.push(event.type)
    instants.push(at)
    memberOf.push(member.position)
    const text = sortedJson(event.properties)
    properties.push(text)
    contentHashes.push(contentHash(event, text))
  }
  const shares = [...members.values()]
  const { rows } = await pool.query<{
    accepted: number
    corrected: boolean
    erased: string[] | null
    stored: { id: string; ms: number }[] | null
  }>({
    // prepared once per connection: planning it takes as long as storing 200 events
    name: 'store-events',
    ...storeDated.bind({
      tenant: tenant.id,
      timezone: tenant.timezone,
      user_ids: textArray([...members.keys()]),
      member_hashes: textArray(shares.map(({ hash }) => hash)),
      member_types: textArray(shares.map(({ types }) => `{${types.join()}}`)),
      first_at: instantArray(shares.map(({ first }) => first)),
      last_at: instantArray(shares.map(({ last }) => last)),
      members: integerArray(memberOf),
      event_ids: textArray(batch.map(({ event }) => event.event_id)),
      occurred_at: instantArray(instants),
      types: textArray(batch.map(({ event }) => event.type)),
      session_ids: textArray(batch.map(({ event }) => event.session_id)),
      subject_ids: textArray(batch.map(({ event }) => event.subject_id)),
      sources: textArray(batch.map(({ event }) => event.source)),
      is_action: booleanArray(batch.map(({ event }) => event.is_action)),
      properties: jsonbArray(properties),
      content_hashes: bigintArray(contentHashes),
    }),
  })
  const answer = rows[0]
  if (!answer) throw new Error('the ingest statement returned nothing')
  if (answer.corrected) return undefined
  const { accepted } = answer
  if (accepted === batch.length) return { accepted, duplicates: [], erased: [] }

  const gone = new Set(answer.erased)
  const identity = (id: string, ms: number | undefined): string => `${id} ${ms}`
  const stored = new Set(answer.stored?.map(({ id, ms }) => identity(id, ms)))
  const erased: number[] = []
  const again: number[] = []
  for (const [i, { event }] of batch.entries()) {
    if (gone.has(event.user_id)) erased.push(i)
    // The first of an identity is the one that was stored.
    else if (!stored.delete(identity(event.event_id, instants[i]))) again.push(i)
  }
  const sentAgain = again.map((index) => ({
    index,
    id: batch[index]?.event.event_id ?? '',
    at: instants[index] ?? 0,
    hash: contentHashes[index],
  }))
  return { accepted, duplicates: await compareWithStored(pool, tenant.id, sentAgain), erased }
}

/** Whether what was sent again differs from what is stored. What is no longer there cannot differ. */
async function compareWithStored(
  pool: pg.Pool,
  tenantId: string,
  sent: readonly { index: number; id: string; at: number; hash: string | undefined }[],
): Promise<StoredBatch['duplicates']> {
  if (sent.length === 0) return []
  const instants = sent.map(({ at }) => at)
  const { rows } = await pool.query<{ i: number; content_hash: string }>(
    storedHashes.bind({
      tenant: tenantId,
      event_ids: textArray(sent.map(({ id }) => id)),
      occurred_at: instantArray(instants),
      min_at: new Date(instants.reduce((a, b) => Math.min(a, b))).toISOString(),
      max_at: new Date(instants.reduce((a, b) => Math.max(a, b))).toISOString(),
    }),
  )
  const stored = new Map(rows.map(({ i, content_hash }) => [i - 1, content_hash]))
  return sent.map(({ index, hash }, i) => {
    const known = stored.get(i)
    return { index, conflict: known !== undefined && hash !== undefined && known !== decimal(hash) }
  })
}

/** What the statement for corrected events needs of one; what is null is left out. */
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
  content_hash: decimal(contentHash(event, sortedJson(event.properties))),
})

/** Of tenants with corrected events, whether or not these are. */
async function storeCorrected(
  pool: pg.Pool,
  tenant: Tenant,
  batch: readonly StorableEvent[],
  erasureKey: Buffer,
): Promise<StoredBatch> {
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
    key: hash('sha256', sortedJson([source, event.body]), 'base64url'),
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
