import { setTimeout as wait } from 'node:timers/promises'
import { progress } from '../progress.ts'
import { type SendAnswer, sendEvents, type Target } from '../send-events.ts'
import { columnBehind, type Mapping } from './mapping.ts'
import { type Input, type ReplayRecord, readEvents } from './read-file.ts'
import type { ReplayState, Totals } from './state.ts'

const BATCH_EVENTS = 500
/** Half of what the API takes. */
const BATCH_BYTES = 5 * 1024 * 1024
/** Requests under way at a time: one is stored while the next is read. */
const IN_FLIGHT = 2

export interface ReplayOptions {
  readonly mapping: Mapping | undefined
  /** Between the fields of a CSV; default: a comma. */
  readonly delimiter?: string | undefined
  /** Events per second at most; undefined: as fast as they are taken. */
  readonly rate: number | undefined
  /** Called with the first problems found, so that a wrong mapping is seen at once. */
  readonly onProblem: (line: string) => void
  readonly problemsShown?: number
}

/** `line 7: occurred_at (column "When"): This is not a time…` */
export function describeProblem(
  place: string | undefined,
  { field, message }: { readonly field: string; readonly message: string },
  mapping: Mapping | undefined,
): string {
  const column = columnBehind(mapping, field)
  return `${place}: ${field}${column === undefined || column === field ? '' : ` (column ${JSON.stringify(column)})`}: ${message}`
}

const NOTHING: SendAnswer = { accepted: 0, duplicates: 0, rejected: 0, errors: [] }

const PROBLEMS_SHOWN = 5

export interface Replayed extends Totals {
  /** When the newest event of this run happened, as the input says (ms). */
  readonly newestAt: number | undefined
}

/** Streams an input into the API, from where an earlier run stopped. Returns what became of the whole input. */
export async function replay(
  target: Target,
  input: Input,
  state: ReplayState,
  options: ReplayOptions,
): Promise<Replayed> {
  const earlier = await state.read()
  const totals: Totals = { ...(earlier ?? { records: 0, accepted: 0, duplicates: 0, rejected: 0 }) }
  const shown = progress('events')
  const started = Date.now()
  let sent = 0
  let problems = 0
  let newestAt: number | undefined
  let confirmed: Promise<void> = Promise.resolve()

  // Answers are counted in the order of the file, so that the state never skips a batch that failed.
  const confirm = async (batch: Batch, answer: Promise<SendAnswer>, before: Promise<void>) => {
    const { accepted, duplicates, rejected, errors } = await answer
    await before
    const found = [
      ...batch.unreadable.map(({ place, problem }) => `${place}: ${problem}`),
      ...errors.map(({ index, ...error }) => describeProblem(batch.places[index], error, options.mapping)),
    ]
    for (const line of found.slice(0, Math.max(0, (options.problemsShown ?? PROBLEMS_SHOWN) - problems)))
      options.onProblem(line)
    problems += found.length
    totals.records += batch.count
    totals.accepted += accepted
    totals.duplicates += duplicates
    totals.rejected += rejected + batch.unreadable.length
    await state.write(totals)
    const { size } = input
    const total =
      size === undefined ? undefined : Math.round(totals.records / Math.max(0.001, input.bytesRead() / size))
    shown.update(
      totals.records,
      total,
      ` (${totals.accepted} new, ${totals.duplicates} known, ${totals.rejected} rejected)`,
    )
  }

  const flying = new Set<Promise<void>>()
  for await (const batch of batches(readEvents(input, options), earlier?.records ?? 0, options.rate)) {
    if (options.rate !== undefined) await wait(Math.max(0, started + (sent / options.rate) * 1000 - Date.now()))
    sent += batch.count
    newestAt = newer(newestAt, batch.newestAt)
    const one = confirm(
      batch,
      batch.places.length > 0 ? sendEvents(target, batch.body) : Promise.resolve(NOTHING),
      confirmed,
    )
    confirmed = one
    // Awaited below; without this a failure while another batch is awaited would be unhandled.
    one.catch(() => undefined)
    flying.add(one)
    void one.then(
      () => flying.delete(one),
      () => undefined,
    )
    if (flying.size >= IN_FLIGHT) await Promise.race(flying)
  }
  await confirmed
  shown.finish()
  await state.clear()
  return { ...totals, newestAt }
}

const newer = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.max(a, b)

/** Undefined for what is no time: the API says why. */
function timeOf(event: unknown): number | undefined {
  const at =
    typeof event === 'object' && event !== null ? Date.parse(String(Reflect.get(event, 'occurred_at'))) : Number.NaN
  return Number.isFinite(at) ? at : undefined
}

interface Batch {
  readonly body: string
  /** Records, unreadable ones included. */
  readonly count: number
  /** Where each event of the body stands in the input. */
  readonly places: readonly string[]
  readonly unreadable: readonly { readonly place: string; readonly problem: string }[]
  readonly newestAt: number | undefined
}

/** Groups events into request bodies, leaving out the first `skip`; small ones when the rate is low. */
async function* batches(
  records: AsyncIterable<ReplayRecord>,
  skip: number,
  rate: number | undefined,
): AsyncGenerator<Batch> {
  const most = Math.max(1, Math.min(BATCH_EVENTS, rate ?? BATCH_EVENTS))
  let lines: string[] = []
  let places: string[] = []
  let unreadable: { place: string; problem: string }[] = []
  let bytes = 0
  let newestAt: number | undefined
  let position = 0
  const take = (): Batch => {
    const count = lines.length + unreadable.length
    const batch = { body: `{"events":[${lines.join(',')}]}`, count, places, unreadable, newestAt }
    lines = []
    places = []
    unreadable = []
    bytes = 0
    newestAt = undefined
    return batch
  }
  for await (const record of records) {
    position += 1
    if (position <= skip) continue
    if ('problem' in record) unreadable.push(record)
    else {
      const line = JSON.stringify(record.event)
      lines.push(line)
      places.push(record.place)
      bytes += Buffer.byteLength(line)
      newestAt = newer(newestAt, timeOf(record.event))
    }
    if (lines.length + unreadable.length >= most || bytes > BATCH_BYTES) yield take()
  }
  if (lines.length + unreadable.length > 0) yield take()
}
