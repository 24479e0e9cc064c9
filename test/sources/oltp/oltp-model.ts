import fc from 'fast-check'
import type { RowChange } from '../../../sources/oltp/change.ts'
import type { Row } from '../../../sources/oltp/values.ts'

/** A small product database whose every change is written down: what a test replays, snapshots and shuffles. */

const START = Date.parse('2026-05-01T08:00:00.000Z')
const STEP_MS = 61_001

type Step = {
  readonly table: 'users' | 'goals' | 'habits' | 'habit_checks' | 'mood_entries'
  readonly id: number
  readonly what: number
}

export const steps = fc.array(
  fc.record({
    table: fc.constantFrom<Step['table']>('users', 'goals', 'goals', 'goals', 'habits', 'habit_checks', 'mood_entries'),
    id: fc.integer({ min: 1, max: 3 }),
    what: fc.integer({ min: 0, max: 9 }),
  }),
  { minLength: 1, maxLength: 40 },
)

const plans = ['free', 'plus', 'pro']

function fresh(table: Step['table'], id: number, at: string): Row {
  const common = { id, user_id: `member-${(id % 2) + 1}`, created_at: at, updated_at: at }
  switch (table) {
    case 'users':
      return { id: `member-${id}`, plan: 'free', coach_id: null, name: 'Ada', created_at: at, updated_at: at }
    case 'goals':
      return { ...common, title: 'run', status: 'active', progress: 0, completed_at: null, abandoned_at: null }
    case 'habits':
      return { ...common, title: 'read', days_of_week: [1, 3], times_per_week: null, frequency: null, ended_at: null }
    case 'habit_checks':
      return { ...common, habit_id: id, date: at.slice(0, 10), status: 'done' }
    case 'mood_entries':
      return { ...common, score: (id % 5) + 1 }
  }
}

function changed(table: Step['table'], row: Row, what: number, at: string): Row {
  const touched = { ...row, updated_at: at }
  if (what < 2) return { ...touched, title: `title ${what} ${at}`, name: `name ${at}` }
  if (table === 'users') return { ...touched, plan: plans[what % 3] }
  if (table === 'habits' && what < 7) return { ...touched, days_of_week: [(what % 7) + 1] }
  if (table === 'habits') return { ...touched, ended_at: row.ended_at ?? at }
  if (table !== 'goals') return touched
  if (what < 4) return { ...touched, progress: what * 20 }
  if (what < 6 && row.status !== 'completed')
    return { ...touched, status: 'completed', completed_at: at, abandoned_at: null }
  if (what < 8 && row.status !== 'abandoned')
    return { ...touched, status: 'abandoned', abandoned_at: at, completed_at: null }
  return { ...touched, status: 'active', completed_at: null, abandoned_at: null }
}

export interface Written {
  /** In the order of the log. */
  readonly changes: readonly RowChange[]
  /** The rows as they were after `position` changes, as a snapshot reads them. */
  snapshot(position: number): RowChange[]
}

/** Applies the steps: the first of a row makes it, the last value of `what` deletes it for good, others change it. */
export function written(all: readonly Step[]): Written {
  const changes: RowChange[] = []
  const states: Map<string, { table: string; row: Row }>[] = [new Map()]
  const gone = new Set<string>()
  for (const { table, id, what } of all) {
    const key = `${table}/${id}`
    if (gone.has(key)) continue
    const now = START + changes.length * STEP_MS
    const at = new Date(now).toISOString()
    const rows = new Map(states.at(-1))
    const before = rows.get(key)?.row ?? null
    const isDelete = before !== null && what === 9 && table !== 'users'
    const after = isDelete ? null : before === null ? fresh(table, id, at) : changed(table, before, what, at)
    if (isDelete) gone.add(key)
    if (after === null) rows.delete(key)
    else rows.set(key, { table, row: after })
    changes.push({
      schema: 'public',
      table,
      op: isDelete ? 'd' : before === null ? 'c' : 'u',
      before,
      after,
      committedAt: now + 40,
    })
    states.push(rows)
  }
  return {
    changes,
    snapshot: (position) =>
      [...(states[position] ?? [])].map(([, { table, row }]) => ({
        schema: 'public',
        table,
        op: 'r',
        before: null,
        after: row,
        committedAt: START + 10 * 86_400_000 + position,
      })),
  }
}

/** What REPLICA IDENTITY DEFAULT leaves of a change: the key of a deleted row, nothing of an updated one. */
export const withoutIdentity = (change: RowChange): RowChange => ({
  ...change,
  before: change.op === 'd' && change.before ? { id: change.before.id } : null,
})

/** The change as Debezium writes it, in one of its encodings. */
export function asDebezium(change: RowChange, encoding: number): string {
  const encode = (row: Row | null) =>
    row &&
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => {
        if (typeof value !== 'string' || !name.endsWith('_at')) return [name, value]
        const ms = Date.parse(value)
        return [name, encoding % 3 === 0 ? value : encoding % 3 === 1 ? ms * 1000 : ms]
      }),
    )
  const { schema, table, op, committedAt } = change
  const payload = {
    before: encode(change.before),
    after: encode(change.after),
    source: { schema, table, ts_ms: committedAt, snapshot: op === 'r' ? 'true' : 'false', lsn: 1 },
    op,
    ts_ms: committedAt,
  }
  return JSON.stringify(encoding % 2 === 0 ? payload : { schema: { type: 'struct' }, payload })
}

/**
 * One way in which all of it may arrive: in order, but interrupted by snapshots and by falling back to an earlier position
 * (a consumer that died, a topic read again).
 */
export const interruptions = fc.array(
  fc.record({
    after: fc.nat(40),
    what: fc.oneof(
      fc.constant('snapshot' as const),
      fc.nat(40).map((by) => ({ back: by })),
    ),
  }),
  { maxLength: 6 },
)

export function arrivals(
  { changes, snapshot }: Written,
  breaks: readonly { after: number; what: 'snapshot' | { back: number } }[],
): RowChange[] {
  const left = [...breaks]
  const found: RowChange[] = []
  for (let position = 0; position < changes.length; ) {
    const change = changes[position]
    if (change) found.push(change)
    position += 1
    const at = left.findIndex(({ after }) => after % changes.length === position - 1)
    const [broken] = at < 0 ? [] : left.splice(at, 1)
    if (broken?.what === 'snapshot') found.push(...snapshot(position))
    else if (broken) position = Math.max(0, position - broken.what.back)
  }
  found.push(...snapshot(changes.length))
  return found
}
