import { timeProblem } from '../../db/accept-events.ts'
import { parseEvent } from '../../sources/parse-event.ts'
import { type Input, type Reading, readEvents } from './read-file.ts'
import { describeProblem } from './send.ts'

export interface DryRun {
  readonly records: number
  readonly rejected: number
  /** The first event that would be taken. */
  readonly example: unknown
}

export interface DryRunOptions extends Reading {
  /** Instant (ms) before which the tenant keeps nothing. */
  readonly oldest: number
  readonly now: number
  readonly problemsShown: number
  readonly onProblem: (line: string) => void
}

/** Reads a whole input and judges it as the door would, without sending anything. */
export async function dryRun(input: Input, options: DryRunOptions): Promise<DryRun> {
  let records = 0
  let rejected = 0
  let example: unknown
  for await (const record of readEvents(input, options)) {
    records += 1
    const problems = 'problem' in record ? [`${record.place}: ${record.problem}`] : judge(record, options)
    if (problems.length === 0 && 'event' in record) example ??= record.event
    if (problems.length === 0) continue
    rejected += 1
    if (rejected <= options.problemsShown) for (const line of problems) options.onProblem(line)
  }
  return { records, rejected, example }
}

function judge(
  { place, event }: { readonly place: string; readonly event: unknown },
  { mapping, now, oldest }: DryRunOptions,
): string[] {
  const parsed = parseEvent(event)
  if (!parsed.ok) return parsed.errors.map((error) => describeProblem(place, error, mapping))
  const problem = timeProblem(Date.parse(parsed.event.occurred_at), now, oldest)
  return problem ? [describeProblem(place, { field: 'occurred_at', message: problem.message }, mapping)] : []
}
