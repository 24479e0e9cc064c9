import type pg from 'pg'
import { type AcceptedBatch, acceptEvents, type Intake } from '../../db/accept-events.ts'
import { quarantineMessages } from '../../db/quarantine.ts'
import { commitBatch, type Lease } from '../../db/sources/runners.ts'
import type { SourceBatch } from './source.ts'

/** Events per statement: keeps the embedded engine's one session free for others in between. */
const EVENTS_PER_STATEMENT = 1000

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
  for (let at = 0; at < events.length; at += EVENTS_PER_STATEMENT) {
    const part = { events: events.slice(at, at + EVENTS_PER_STATEMENT), sent_at: batch.sentAt }
    const answer = await acceptEvents(pool, intake, part, { source: lease.source })
    answers.push(shifted(answer, at))
  }
  await quarantineMessages(pool, intake, lease.source, rejected)
  const total = answers.reduce(added, { accepted: 0, duplicates: 0, rejected: 0, errors: [], conflicts: [] })
  await commitBatch(pool, lease, {
    position: batch.position,
    processed: messages,
    accepted: total.accepted,
    duplicates: total.duplicates,
    failed: total.rejected + rejected.length,
    lagSeconds: batch.lagSeconds,
  })
  return total
}

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
