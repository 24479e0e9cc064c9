import { createHash } from 'node:crypto'
import { z } from 'zod'
import { UserError } from '../run.ts'

const format = z.enum(['text', 'number', 'boolean', 'json', 'instant', 'unix_seconds', 'unix_milliseconds', 'utc'])

/** Where a field comes from: a column's name, or a column or constant with a conversion. */
const source = z.union([
  z.string(),
  z.strictObject({ value: z.union([z.string(), z.number(), z.boolean()]) }),
  z.strictObject({
    column: z.string(),
    format: format.optional(),
    /** Values of the column → values of the field; others stay as they are. */
    map: z.record(z.string(), z.string()).optional(),
  }),
])
type Source = z.infer<typeof source>

/** The file given to `--map`. Without `event_id` one is made of the record's content: equal records then count once. */
export const mappingSchema = z.strictObject({
  event_id: source.optional(),
  type: source,
  occurred_at: source,
  user_id: source,
  session_id: source.optional(),
  source: source.optional(),
  properties: z.record(z.string(), source).optional(),
})
export type Mapping = z.infer<typeof mappingSchema>

/** One row or line: column or dotted path → value. */
export type SourceRecord = Readonly<Record<string, unknown>>

export function parseMapping(text: string): Mapping {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new UserError('the mapping is not JSON')
  }
  const parsed = mappingSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new UserError(`the mapping is not usable: ${issue?.path.join('.')}: ${issue?.message}`)
}

/** Builds an event of a record. Nothing is judged here: what does not fit is rejected, and explained, by the API. */
export function applyMapping(record: SourceRecord, mapping: Mapping): Record<string, unknown> {
  const { properties = {}, ...envelope } = mapping
  const event = pick(record, envelope)
  const found = pick(record, properties)
  return {
    ...(mapping.event_id === undefined ? { event_id: contentId(record) } : {}),
    ...event,
    ...(Object.keys(found).length === 0 ? {} : { properties: found }),
  }
}

const envelopeFields = new Set(['event_id', 'type', 'occurred_at', 'user_id', 'session_id', 'source', 'properties'])

/** A CSV row whose header already speaks our names: envelope columns as they are, every other column a property. */
export function eventOfRow(row: SourceRecord): Record<string, unknown> {
  const present = Object.entries(row).filter(([, value]) => value !== '' && value !== undefined)
  const event = Object.fromEntries(present.filter(([name]) => envelopeFields.has(name)))
  const others = present.filter(([name]) => !envelopeFields.has(name)).map(([name, value]) => [name, plainValue(value)])
  const properties = typeof row.properties === 'string' && row.properties !== '' ? json(row.properties) : undefined
  return {
    ...event,
    ...(others.length > 0 || properties !== undefined
      ? { properties: { ...(properties as object | undefined), ...Object.fromEntries(others) } }
      : {}),
  }
}

function pick(record: SourceRecord, fields: Readonly<Record<string, Source | undefined>>): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (const [name, from] of Object.entries(fields)) {
    const value = from === undefined ? undefined : read(record, from)
    if (value !== undefined && value !== '' && value !== null) found[name] = value
  }
  return found
}

function read(record: SourceRecord, from: Source): unknown {
  if (typeof from === 'string') return valueAt(record, from)
  if ('value' in from) return from.value
  const value = valueAt(record, from.column)
  const mapped = from.map?.[String(value)] ?? value
  return from.format === undefined || mapped === '' || mapped === undefined ? mapped : convert(mapped, from.format)
}

/** A column by its whole name, or a path into nested JSON. */
function valueAt(record: SourceRecord, path: string): unknown {
  if (Object.hasOwn(record, path)) return record[path]
  return path
    .split('.')
    .reduce<unknown>(
      (at, key) => (at !== null && typeof at === 'object' && Object.hasOwn(at, key) ? Reflect.get(at, key) : undefined),
      record,
    )
}

function convert(value: unknown, to: z.infer<typeof format>): unknown {
  switch (to) {
    case 'text':
      return String(value)
    case 'number':
      return Number.isFinite(Number(value)) ? Number(value) : value
    case 'boolean':
      return ['true', '1', 'yes', 't'].includes(String(value).toLowerCase())
    case 'json':
      return typeof value === 'string' ? json(value) : value
    case 'instant':
      return isoOf(Date.parse(String(value)), value)
    case 'unix_seconds':
      return isoOf(Number(value) * 1000, value)
    case 'unix_milliseconds':
      return isoOf(Number(value), value)
    case 'utc':
      // `2024-05-01 12:00:00`, as databases print it, meant as UTC.
      return isoOf(Date.parse(`${String(value).trim().replace(' ', 'T').replace(/Z$/, '')}Z`), value)
    default:
      return to satisfies never
  }
}

const isoOf = (at: number, given: unknown): unknown =>
  Number.isFinite(at) && Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : given

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Text of a CSV cell → number or boolean where it is plainly one. */
function plainValue(value: unknown): unknown {
  if (typeof value !== 'string') return value
  if (value === 'true' || value === 'false') return value === 'true'
  return /^-?(0|[1-9]\d{0,14})(\.\d+)?$/.test(value) ? Number(value) : value
}

function contentId(record: SourceRecord): string {
  return createHash('sha256').update(JSON.stringify(record)).digest('base64url').slice(0, 32)
}
