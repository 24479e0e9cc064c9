import { z } from 'zod'
import type { RowChange } from './change.ts'
import { decodeDecimal, type Row } from './values.ts'

export type DebeziumReading =
  | { readonly kind: 'change'; readonly change: RowChange }
  /** Nothing to do: tombstones, heartbeats, transaction marks, messages. */
  | { readonly kind: 'ignored'; readonly reason: string }
  /** All rows of a table are gone. The events they told stay: they happened. */
  | { readonly kind: 'truncate'; readonly schema: string; readonly table: string }
  | { readonly kind: 'unreadable'; readonly message: string }

const row = z.record(z.string(), z.unknown()).nullish()
const source = z.looseObject({
  schema: z.string().nullish(),
  db: z.string().nullish(),
  table: z.string().nullish(),
  ts_ms: z.union([z.number(), z.string()]).nullish(),
})
const envelope = z.looseObject({
  op: z.string(),
  before: row,
  after: row,
  source: source.nullish(),
  ts_ms: z.union([z.number(), z.string()]).nullish(),
})
const ops = new Set(['r', 'c', 'u', 'd'])

/**
 * One Debezium message value, as JSON text or parsed, with or without the schema envelope. `topic`
 * (`<prefix>.<schema>.<table>`) names the table when the message has no source block. Never throws.
 */
export function readDebezium(value: unknown, topic = ''): DebeziumReading {
  const parsed = typeof value === 'string' ? parseJson(value) : value
  if (parsed === null || parsed === '' || parsed === 'default') return { kind: 'ignored', reason: 'tombstone' }
  if (typeof parsed !== 'object' || Array.isArray(parsed)) return unreadable('This is not a JSON object.')
  const { payload, schema } = unwrap(parsed as Record<string, unknown>)
  if (payload === null) return { kind: 'ignored', reason: 'tombstone' }
  if (typeof payload !== 'object') return unreadable('The payload is not a JSON object.')
  if (Reflect.get(payload, 'op') === undefined) return withoutOp(payload)
  const read = envelope.safeParse(payload)
  if (!read.success) return unreadable(`${read.error.issues[0]?.path.join('.')} is not what Debezium sends.`)
  const { op, before, after, source: from } = read.data
  const [, topicSchema = '', topicTable = ''] = /(?:^|\.)([^.]+)\.([^.]+)$/.exec(topic) ?? []
  const table = from?.table || topicTable
  const named = { schema: from?.schema || topicSchema || 'public', table }
  if (op === 'm') return { kind: 'ignored', reason: 'logical message' }
  if (op === 't') return { kind: 'truncate', ...named }
  if (!ops.has(op)) return unreadable('The operation is not one of r, c, u, d, t, m.')
  if (table === '') return unreadable('The message names no table: neither source.table nor its topic.')
  if (op !== 'd' && !after) return unreadable('after is missing.')
  const decode = decimalDecoder(schema)
  const at = Number(from?.ts_ms ?? read.data.ts_ms ?? Number.NaN)
  return {
    kind: 'change',
    change: {
      ...named,
      op: op as RowChange['op'],
      before: before ? decode(before) : null,
      after: after ? decode(after) : null,
      committedAt: Number.isFinite(at) ? at : undefined,
    },
  }
}

const unreadable = (message: string): DebeziumReading => ({ kind: 'unreadable', message })

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** `{ schema, payload }` or the payload itself. A table may have columns of these names, but a change has an `op`. */
function unwrap(value: Record<string, unknown>): { payload: unknown; schema: unknown } {
  const isWrapped = Object.hasOwn(value, 'payload') && value.op === undefined
  return isWrapped ? { payload: value.payload ?? null, schema: value.schema } : { payload: value, schema: undefined }
}

function withoutOp(payload: object): DebeziumReading {
  if ('status' in payload && 'id' in payload) return { kind: 'ignored', reason: 'transaction mark' }
  if ('databaseName' in payload && 'ddl' in payload) return { kind: 'ignored', reason: 'schema change' }
  if ('ts_ms' in payload) return { kind: 'ignored', reason: 'heartbeat' }
  return unreadable('The message has no op. Is ExtractNewRecordState on? Send whole change events.')
}

/** With the schema, NUMERIC columns that come as bytes can be read: the scale is in it. */
function decimalDecoder(schema: unknown): (row: Row) => Row {
  const scales = new Map(decimalFields(schema))
  if (scales.size === 0) return (found) => found
  return (found) =>
    Object.fromEntries(
      Object.entries(found).map(([name, value]) => {
        const scale = scales.get(name)
        return [name, scale !== undefined && typeof value === 'string' ? decodeDecimal(value, scale) : value]
      }),
    )
}

const field = z.looseObject({
  field: z.string().optional(),
  name: z.string().optional(),
  parameters: z.looseObject({ scale: z.string().optional() }).optional(),
  fields: z.array(z.unknown()).optional(),
})

function decimalFields(schema: unknown): [string, number][] {
  const root = field.safeParse(schema)
  if (!root.success) return []
  const block = root.data.fields?.map((f) => field.safeParse(f).data).find((f) => f?.field === 'after')
  return (block?.fields ?? []).flatMap((entry) => {
    const { field: name, name: type, parameters } = field.safeParse(entry).data ?? {}
    const isDecimal = type === 'org.apache.kafka.connect.data.Decimal' && name !== undefined
    return isDecimal ? [[name, Number(parameters?.scale ?? 0)] satisfies [string, number]] : []
  })
}
