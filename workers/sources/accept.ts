import type pg from 'pg'
import { type AcceptedBatch, acceptEvents, type Intake } from '../../db/accept-events.ts'
import { quarantineMessages } from '../../db/quarantine.ts'
import { commitBatch, type Lease } from '../../db/sources/runners.ts'
import { isDataError } from './data-error.ts'
import type { RejectedMessage, SourceBatch } from './source.ts'

/** Events per statement: keeps the embedded engine's one session free for others in between. */
const EVENTS_PER_STATEMENT = 1000
/** Tries of an event that the database refuses for what it holds. */
const TRIES = 3

/**
 * Events first, then the position: after a crash in between, the same events come again and count once. Throws
 * `LeaseLost` when another worker runs the source by now.
 */
export async function acceptBatch(
  pool: pg.Pool,
  intake: Intake,
  lease: Lease,
  batch: SourceBatch<unknown>,
): Promise<AcceptedBatch> {
  const { events, rejected = [], messages = events.length + rejected.length } = batch
  const answers: AcceptedBatch[] = []
  const poison: RejectedMessage[] = []
  for (let at = 0; at < events.length; at += EVENTS_PER_STATEMENT) {
    const part = { events: events.slice(at, at + EVENTS_PER_STATEMENT), sent_at: batch.sentAt }
    const answer = await acceptApart(part, (some) => acceptEvents(pool, intake, some, { source: lease.source }))
    answers.push(shifted(answer, at))
    poison.push(...answer.poison)
  }
  await quarantineMessages(pool, intake, lease.source, [...rejected, ...poison])
  const total = answers.reduce(added, nothing)
  await commitBatch(pool, lease, {
    position: batch.position,
    processed: messages,
    accepted: total.accepted,
    duplicates: total.duplicates,
    failed: total.rejected + rejected.length + poison.length,
    lagSeconds: batch.lagSeconds,
  })
  return total
}

interface Part {
  readonly events: readonly unknown[]
  readonly sent_at: string | undefined
}

/**
 * Stores a part; when the database refuses it for its data, in halves, until what is at fault stands alone. That is tried
 * again a few times and then kept in the quarantine instead: a message that always fails must not hold up those behind it.
 */
async function acceptApart(
  part: Part,
  accept: (part: Part) => Promise<AcceptedBatch>,
): Promise<AcceptedBatch & { readonly poison: readonly RejectedMessage[] }> {
  const { events } = part
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { ...(await accept(part)), poison: [] }
    } catch (error) {
      if (!isDataError(error)) throw error
      if (events.length === 1 && attempt === TRIES) {
        const message = `The database refused it ${TRIES} times (${error.code}). Replay it when the cause is mended.`
        return { ...nothing, poison: [{ body: events[0], code: 'poison_message', message }] }
      }
      if (events.length > 1) break
    }
  }
  const middle = Math.ceil(events.length / 2)
  const first = await acceptApart({ ...part, events: events.slice(0, middle) }, accept)
  const second = await acceptApart({ ...part, events: events.slice(middle) }, accept)
  return { ...added(first, shifted(second, middle)), poison: [...first.poison, ...second.poison] }
}

const nothing: AcceptedBatch = { accepted: 0, duplicates: 0, rejected: 0, errors: [], conflicts: [] }

const shifted = (answer: AcceptedBatch, by: number): AcceptedBatch => ({
  ...answer,
  errors: answer.errors.map((error) => ({ ...error, index: error.index + by })),
  conflicts: answer.conflicts.map((conflict) => ({ ...conflict, index: conflict.index + by })),
})

const added = (a: AcceptedBatch, b: AcceptedBatch): AcceptedBatch => ({
  accepted: a.accepted + b.accepted,
  duplicates: a.duplicates + b.duplicates,
  rejected: a.rejected + b.rejected,
  errors: [...a.errors, ...b.errors],
  conflicts: [...a.conflicts, ...b.conflicts],
})
