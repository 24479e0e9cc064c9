import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { DateTime, IANAZone } from 'luxon'
import { z } from 'zod'
import { parseInstant } from '../../sources/time.ts'
import { UserError } from '../run.ts'

const format = z.enum([
  'text',
  'number',
  'boolean',
  'json',
  'instant',
  'unix_seconds',
  'unix_milliseconds',
  'utc',
  'local',
])

/** Where a field comes from: a column's name, or a column or constant with a conversion. */
const source = z.union([
  z.string(),
  z.strictObject({ value: z.union([z.string(), z.number(), z.boolean()]) }),
  z.strictObject({
    column: z.string(),
    format: format.optional(),
    /** Of `local` times: tokens of Luxon, such as `dd.MM.yyyy HH:mm`; without it ISO or what databases print. */
    pattern: z.string().optional(),
    /** Values of the column → values of the field; others stay as they are. */
    map: z.record(z.string(), z.string()).optional(),
  }),
])
type Source = z.infer<typeof source>

/** An id made of these columns: records that are equal in them count once. */
const hashOf = z.strictObject({ hash: z.array(z.string()).min(1) })

/** The file given to `--map`. Without `event_id` one is made of the record's content: equal records then count once. */
const fieldsSchema = z.strictObject({
  /** IANA zone of times that name none (format `local`). */
  timezone: z.string().refine(IANAZone.isValidZone, 'must be an IANA zone such as Europe/Berlin').optional(),
  event_id: z.union([source, hashOf]).optional(),
  type: source,
  occurred_at: source,
  user_id: source,
  session_id: source.optional(),
  source: source.optional(),
  properties: z.record(z.string(), source).optional(),
})
export type Mapping = z.infer<typeof fieldsSchema>

export const mappingSchema = fieldsSchema.refine(
  (mapping) => mapping.timezone !== undefined || !sourcesOf(mapping).some(isLocal),
  {
    path: ['timezone'],
    message: 'is missing: times of format local must say whose clock they are, such as Europe/Berlin',
  },
)

const isLocal = (from: Source): boolean => typeof from === 'object' && 'column' in from && from.format === 'local'

function sourcesOf({ properties = {}, event_id: id, timezone: _, ...envelope }: Mapping): Source[] {
  const made = id === undefined || (typeof id === 'object' && 'hash' in id) ? [] : [id]
  return [...made, ...Object.values(envelope), ...Object.values(properties)].filter((from) => from !== undefined)
}

const columnNamed = (from: Source | undefined): string | undefined =>
  typeof from === 'string' ? from : from && 'column' in from ? from.column : undefined

/** Every column that a mapping names. */
export function columnsOf(mapping: Mapping): string[] {
  const { event_id: id } = mapping
  const hashed = typeof id === 'object' && 'hash' in id ? id.hash : []
  return [...new Set([...hashed, ...sourcesOf(mapping).flatMap((from) => columnNamed(from) ?? [])])]
}

/** The column from which a field of the answer (`occurred_at`, `properties.rating`) was made. */
export function columnBehind(mapping: Mapping | undefined, field: string): string | undefined {
  if (mapping === undefined) return undefined
  const property = /^properties\.([^.]+)/.exec(field)?.[1]
  if (property !== undefined) return columnNamed(mapping.properties?.[property])
  const { timezone: _, properties: __, event_id: id, ...envelope } = mapping
  if (field === 'event_id') return typeof id === 'object' && 'hash' in id ? undefined : columnNamed(id)
  return columnNamed(Object.entries(envelope).find(([name]) => name === field)?.[1])
}

/** One row or line: column or dotted path → value. */
export type SourceRecord = Readonly<Record<string, unknown>>

/** The mapping in a file; a user error that names the place which is wrong. */
export async function readMapping(path: string): Promise<Mapping> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new UserError(`${path} cannot be read`)
  })
  return parseMapping(text)
}

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
  const { properties = {}, event_id: id, timezone = 'utc', ...envelope } = mapping
  const event = pick(record, envelope, timezone)
  const found = pick(record, properties, timezone)
  return {
    ...idOf(record, id, timezone),
    ...event,
    ...(Object.keys(found).length === 0 ? {} : { properties: found }),
  }
}

function idOf(record: SourceRecord, from: Mapping['event_id'], timezone: string): Record<string, unknown> {
  if (from === undefined) return { event_id: contentId(record) }
  if (typeof from === 'object' && 'hash' in from)
    return { event_id: contentId(Object.fromEntries(from.hash.map((column) => [column, valueAt(record, column)]))) }
  return pick(record, { event_id: from }, timezone)
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

function pick(
  record: SourceRecord,
  fields: Readonly<Record<string, Source | undefined>>,
  timezone: string,
): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (const [name, from] of Object.entries(fields)) {
    const value = from === undefined ? undefined : read(record, from, timezone)
    if (value !== undefined && value !== '' && value !== null) found[name] = value
  }
  return found
}

function read(record: SourceRecord, from: Source, timezone: string): unknown {
  if (typeof from === 'string') return valueAt(record, from)
  if ('value' in from) return from.value
  const value = valueAt(record, from.column)
  const mapped = from.map?.[String(value)] ?? value
  if (from.format === 'local' && typeof mapped === 'string' && mapped !== '')
    return local(mapped, from.pattern, timezone)
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
      // Only with a zone: what has none would be read by the clock of whichever machine this runs on.
      return isoOf(parseInstant(String(value).trim().replace(' ', 'T')) ?? Number.NaN, value)
    case 'local':
      return value
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

/** A wall clock's text in a zone → instant; in the hour that a clock change repeats, the first. As it is when it is none. */
function local(text: string, pattern: string | undefined, zone: string): string {
  const trimmed = text.trim()
  const found =
    pattern === undefined
      ? DateTime.fromISO(trimmed.replace(' ', 'T'), { zone })
      : DateTime.fromFormat(trimmed, pattern, { zone, locale: 'en' })
  if (!found.isValid) return text
  // Which of the two Luxon takes by itself depends on the day on which it is asked.
  const [first = found] = found.getPossibleOffsets()
  return new Date(first.toMillis()).toISOString()
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
