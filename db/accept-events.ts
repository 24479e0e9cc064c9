import type pg from 'pg'
import type { ParsedEvent } from '../sources/envelope.ts'
import { erasureKeyOf } from '../sources/member-ids.ts'
import { parseEvent } from '../sources/parse-event.ts'
import { scrub, scrubRaw } from '../sources/pii.ts'
import { storeTogether } from './group-commit.ts'
import { type QuarantinedEvent, quarantine, type StorableEvent } from './ingest.ts'
import type { Tenant } from './tenant.ts'

/** Whose events are taken and how: read once and kept for a few seconds by the caller. */
export interface Intake {
  readonly tenant: Tenant
  readonly piiKey: Buffer
}

export interface EventProblem {
  readonly index: number
  readonly event_id?: string
  readonly field: string
  readonly code: string
  readonly message: string
}

export interface AcceptedBatch {
  readonly accepted: number
  readonly duplicates: number
  readonly rejected: number
  /** Why events were rejected. */
  readonly errors: readonly EventProblem[]
  /** Duplicates whose content differs from what is stored; the stored one stays. */
  readonly conflicts: readonly { readonly index: number; readonly event_id: string; readonly message: string }[]
  /** When the newest event that could be read happened, clock corrected (ms). */
  readonly newestAt?: number | undefined
}

const MINUTE = 60_000
const MAX_SKEW = 5 * MINUTE
const MAX_FUTURE = 60 * MINUTE
export const DEFAULT_RETENTION_MONTHS = 24

const setting = (tenant: Tenant, name: string): unknown => tenant.settings[name]

/** Months of raw events the tenant keeps (setting `retention_months`). */
export function retentionMonths(tenant: Tenant): number {
  const value = Number(setting(tenant, 'retention_months') ?? DEFAULT_RETENTION_MONTHS)
  return Number.isInteger(value) && value > 0 ? value : DEFAULT_RETENTION_MONTHS
}

/** Property names the tenant wants treated as personal data, besides the built-in ones (setting `pii_keys`). */
export function configuredPiiKeys(tenant: Tenant): string[] {
  const value = setting(tenant, 'pii_keys')
  if (Array.isArray(value)) return value.filter((key): key is string => typeof key === 'string')
  return typeof value === 'string' ? value.split(',').filter(Boolean) : []
}

/** How far the sender's clock is off, in milliseconds to add to its times; 0 within the tolerance or without `sent_at`. */
function clockOffset(sentAt: string | undefined, now: number): number {
  if (sentAt === undefined) return 0
  const offset = now - Date.parse(sentAt)
  return Math.abs(offset) > MAX_SKEW ? offset : 0
}

/** Events before this instant (ms) are older than the tenant's retention. */
export function oldestTaken(tenant: Tenant, now: number): number {
  const oldest = new Date(now)
  return oldest.setUTCMonth(oldest.getUTCMonth() - retentionMonths(tenant))
}

/** Why a time is not taken: more than an hour ahead, or before `oldest`; undefined when it is. */
export function timeProblem(at: number, now: number, oldest: number): { code: string; message: string } | undefined {
  if (at > now + MAX_FUTURE)
    return {
      code: 'too_far_in_future',
      message: 'occurred_at is more than 1 hour in the future. Correct the clock, or send sent_at so that we can.',
    }
  if (at < oldest)
    return {
      code: 'too_old',
      message: 'occurred_at is older than the retention. Raise retention_months to import older events.',
    }
  return undefined
}

/** Of such an event nothing is kept, not in the quarantine either. */
const memberErased = {
  field: 'user_id',
  code: 'member_erased',
  message: 'This member was erased: nothing about them is stored again. Stop sending their events.',
}

const ids = ['event_id', 'user_id', 'session_id']

/** What was sent as an id and is none may be a name or a phone number: the quarantine keeps only that it was wrong. */
function withoutBadIds(body: unknown, problems: QuarantinedEvent['errors']): unknown {
  const wrong = problems.map(({ field }) => field).filter((field) => ids.includes(field))
  if (wrong.length === 0 || typeof body !== 'object' || body === null || Array.isArray(body)) return body
  // Brackets are in no valid id, so a replay refuses it again instead of inventing a member.
  const hidden = wrong.filter((field) => Reflect.get(body, field) !== undefined).map((field) => [field, '[invalid]'])
  return { ...body, ...Object.fromEntries(hidden) }
}

/**
 * The one way in for events, whatever the source: parse, replace PII, correct the clock, check the time, store the good
 * ones durably in one statement, keep the bad ones in quarantine. Nothing is dropped without being counted.
 */
export async function acceptEvents(
  pool: pg.Pool,
  intake: Intake,
  batch: { readonly events: readonly unknown[]; readonly sent_at?: string | undefined },
  options: {
    readonly now?: number
    readonly source?: string
    readonly keepRejected?: boolean
    /** Milliseconds after which nothing is begun any more (WaitedTooLong). */
    readonly maxWaitMs?: number
  } = {},
): Promise<AcceptedBatch> {
  const { tenant, piiKey } = intake
  const erasureKey = erasureKeyOf(piiKey)
  const now = options.now ?? Date.now()
  const offset = clockOffset(batch.sent_at, now)
  const oldest = oldestTaken(tenant, now)
  const personal = configuredPiiKeys(tenant)

  const good: { index: number; storable: StorableEvent }[] = []
  const bad: QuarantinedEvent[] = []
  const errors: EventProblem[] = []
  let newestAt: number | undefined
  const reject = (
    index: number,
    raw: unknown,
    eventId: string | undefined,
    problems: QuarantinedEvent['errors'],
  ): void => {
    bad.push({ body: withoutBadIds(scrubRaw(raw, piiKey, personal), problems), errors: problems })
    for (const problem of problems)
      errors.push(eventId === undefined ? { index, ...problem } : { index, event_id: eventId, ...problem })
  }

  for (const [index, raw] of batch.events.entries()) {
    const parsed = parseEvent(raw)
    if (!parsed.ok) {
      reject(index, raw, parsed.event_id, parsed.errors)
      continue
    }
    const at = Date.parse(parsed.event.occurred_at) + offset
    const problem = timeProblem(at, now, oldest)
    if (problem) {
      reject(index, raw, parsed.event.event_id, [{ field: 'occurred_at', ...problem }])
      continue
    }
    newestAt = Math.max(newestAt ?? at, at)
    const event: ParsedEvent = scrub(parsed.event, piiKey, personal)
    good.push({ index, storable: { event, occurredAt: offset === 0 ? event.occurred_at : new Date(at).toISOString() } })
  }

  const stored = await storeTogether(
    pool,
    tenant,
    good.map(({ storable }) => storable),
    erasureKey,
    options.maxWaitMs === undefined ? undefined : performance.now() + options.maxWaitMs,
  )
  if (options.keepRejected !== false)
    await quarantine(pool, tenant, bad, { erasureKey, sentAt: batch.sent_at, source: options.source })
  for (const position of stored.erased) {
    const found = good[position]
    if (found) errors.push({ index: found.index, event_id: found.storable.event.event_id, ...memberErased })
  }
  const conflicts = stored.duplicates.flatMap(({ index, conflict }) => {
    const found = good[index]
    if (!conflict || !found) return []
    const message = 'This event_id and time were stored before with other content. The first stays; use a new event_id.'
    return [{ index: found.index, event_id: found.storable.event.event_id, message }]
  })
  return {
    accepted: stored.accepted,
    duplicates: stored.duplicates.length,
    rejected: bad.length + stored.erased.length,
    errors: errors.sort((a, b) => a.index - b.index),
    conflicts,
    newestAt,
  }
}
