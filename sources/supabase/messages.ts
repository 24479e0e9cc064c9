import type { RowChange } from '../oltp/change.ts'

/** A row change as Supabase Realtime's client hands it on. */
export type PostgresChangeReading =
  | { readonly kind: 'change'; readonly change: RowChange }
  /** Realtime left values out (a row over its size limit, a policy that was not ready): the row must be read itself. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'unreadable'; readonly message: string }

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const ops: Readonly<Record<string, RowChange['op']>> = { INSERT: 'c', UPDATE: 'u', DELETE: 'd' }
const rowOf = (value: unknown) => (isObject(value) && Object.keys(value).length > 0 ? value : null)

/** `{ eventType, schema, table, commit_timestamp, new, old, errors }` → what happened to the row. Never throws. */
export function readPostgresChange(payload: unknown): PostgresChangeReading {
  if (!isObject(payload)) return { kind: 'unreadable', message: 'This is no change of a row.' }
  const { eventType, schema, table, commit_timestamp: committed, errors } = payload
  const op = typeof eventType === 'string' ? ops[eventType] : undefined
  if (op === undefined || typeof schema !== 'string' || typeof table !== 'string')
    return { kind: 'unreadable', message: 'eventType, schema or table are not what Realtime sends.' }
  if (Array.isArray(errors) && errors.length > 0) return { kind: 'incomplete' }
  const after = op === 'd' ? null : rowOf(payload.new)
  if (op !== 'd' && after === null) return { kind: 'incomplete' }
  const at = typeof committed === 'string' ? Date.parse(committed) : Number.NaN
  const committedAt = Number.isFinite(at) ? at : undefined
  return { kind: 'change', change: { schema, table, op, before: rowOf(payload.old), after, committedAt } }
}

/** A row that was read from the table itself, not from the log. */
export const rowRead = (schema: string, table: string, row: Record<string, unknown>): RowChange => ({
  schema,
  table,
  op: 'r',
  before: null,
  after: row,
  committedAt: undefined,
})

/**
 * The events of a broadcast message: its payload is an event as the API takes it, or `{ events: […] }`. Undefined when it
 * is neither.
 */
export function readBroadcast(message: unknown): readonly unknown[] | undefined {
  const payload = isObject(message) ? message.payload : undefined
  if (!isObject(payload)) return undefined
  if (Array.isArray(payload.events)) return payload.events
  return 'event_id' in payload ? [payload] : undefined
}
