import { acceptEvents, type Intake } from '../../db/accept-events.ts'
import type { AttachedDatabase } from '../../db/attach.ts'
import { countPushed } from '../../db/sources/runners.ts'
import type { Reading } from '../../sources/named-events.ts'
import type { ReplayState, Totals } from '../replay/state.ts'

const BATCH = 1000
const PROBLEMS_SHOWN = 5

export interface Loading {
  readonly database: Pick<AttachedDatabase, 'pool'>
  readonly intake: Intake
  /** Names where events come from in the quarantine. */
  readonly source: string
  /** Called with the first problems found, so that a wrong mapping is seen at once. */
  readonly onProblem: (line: string) => void
  readonly onProgress: (totals: Totals) => void
}

export interface Loaded extends Totals {
  /** Records that are no events of ours, by why. */
  readonly skipped: ReadonlyMap<string, number>
}

/**
 * Stores the events of another tool through the one way in, batch by batch, going on after `earlier` records. The state
 * is written after each batch, so that a run that was stopped repeats at most one: events count once.
 */
export async function loadEvents(
  records: AsyncIterable<readonly Reading[]>,
  { database, intake, source, onProblem, onProgress }: Loading,
  state: Pick<ReplayState, 'read' | 'write'>,
): Promise<Loaded> {
  const earlier = await state.read()
  const totals: Totals = { ...(earlier ?? { records: 0, accepted: 0, duplicates: 0, rejected: 0 }) }
  const skipped = new Map<string, number>()
  let position = 0
  let batch: { readonly event: unknown; readonly record: number }[] = []
  let problems = 0
  const flush = async () => {
    const answer = await acceptEvents(database.pool, intake, { events: batch.map(({ event }) => event) }, { source })
    const { accepted, duplicates, rejected, errors, newestAt } = answer
    for (const { index, field, message } of errors.slice(0, Math.max(0, PROBLEMS_SHOWN - problems)))
      onProblem(`record ${batch[index]?.record}: ${field}: ${message}`)
    problems += errors.length
    totals.accepted += accepted
    totals.duplicates += duplicates
    totals.rejected += rejected
    const processed = position - totals.records
    const counts = { processed, accepted, duplicates, failed: rejected, newestAt }
    await countPushed(database.pool, intake.tenant.id, source, counts)
    totals.records = position
    batch = []
    await state.write(totals)
    onProgress(totals)
  }
  for await (const readings of records) {
    position += 1
    if (position <= (earlier?.records ?? 0)) continue
    for (const reading of readings) {
      if ('skipped' in reading) skipped.set(reading.skipped, (skipped.get(reading.skipped) ?? 0) + 1)
      else batch.push({ event: reading.event, record: position })
    }
    if (batch.length >= BATCH) await flush()
  }
  if (position > totals.records || batch.length > 0) await flush()
  return { ...totals, skipped }
}

export function describeLoaded({ records, accepted, duplicates, rejected, skipped }: Loaded): string {
  const left = [...skipped].map(([why, count]) => `${count} left out (${why})`)
  return [`${records} records: ${accepted} accepted, ${duplicates} duplicates, ${rejected} rejected`, ...left].join(
    ', ',
  )
}
