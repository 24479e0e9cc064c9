import { createHash } from 'node:crypto'
import type { RowChange } from './change.ts'
import {
  type Condition,
  type OltpMapping,
  type Rule,
  type TableMapping,
  tableMapping,
  type ValueSpec,
} from './mapping.ts'
import { asBoolean, asDate, asInstant, asJson, asNumber, asSchedule, asText, columnOf, type Row } from './values.ts'

/** Kept the same for every way a row comes in, so that changing from one to another counts nothing twice. */
export const OLTP_SOURCE = 'oltp'

interface Context {
  readonly change: RowChange
  readonly table: TableMapping
  readonly row: Row
  /** The whole row before; undefined: not known. */
  readonly before: Row | undefined
}

/**
 * The events that one change of a row tells. They are made of the row, not of the message: the id is a hash of table,
 * key, event and the row's own time, so that a snapshot, a replay and the first delivery of a row give the same event.
 * `notBefore`: older events of a snapshot are left out (retention would refuse them one by one).
 */
export function eventsOfChange(change: RowChange, mapping: OltpMapping, notBefore = 0): unknown[] {
  const table = tableMapping(mapping, change.schema, change.table)
  const row = change.op === 'd' ? change.before : change.after
  if (table === undefined || row === null) return []
  const context: Context = { change, table, row, before: wholeBefore(change, table) }
  const events: unknown[] = []
  for (const rule of table.events) {
    if ((rule.on === 'delete') !== (change.op === 'd')) continue
    const event = eventOf(rule, context, notBefore)
    if (event) events.push(event)
  }
  return events
}

/**
 * The row before an update, if the log has all of it. With REPLICA IDENTITY DEFAULT it has nothing or the key only (other
 * columns missing or null); columns that are never empty tell the two apart.
 */
function wholeBefore({ op, before, after }: RowChange, table: TableMapping): Row | undefined {
  if (op !== 'u' || before === null || after === null) return undefined
  const columns = Object.keys(after)
  if (!columns.every((name) => Object.hasOwn(before, name))) return undefined
  const isFilled = (row: Row, name: string) => row[name] !== null && row[name] !== undefined
  const others = columns.filter((name) => !table.key.includes(name))
  const witnesses = others.filter((name) => (name === table.user || name === table.created) && isFilled(after, name))
  const isWhole =
    witnesses.length > 0
      ? witnesses.every((name) => isFilled(before, name))
      : others.some((name) => isFilled(before, name))
  return isWhole ? before : undefined
}

function eventOf(rule: Rule, context: Context, notBefore: number): unknown {
  const { change, table, row } = context
  if (rule.when && !holds(rule.when, row)) return undefined
  const at = timeOf(rule, context)
  if (at === undefined || !isNews(rule, at, context)) return undefined
  if (change.op === 'r' && Date.parse(at.instant) < notBefore) return undefined
  const properties = propertiesOf(rule, row)
  const user = asText(columnOf(row, rule.user ?? table.user))
  const key = table.key.map((name) => asText(columnOf(row, name)))
  // A value that is not known now was told when the row was made; a deleted row may have left its key only.
  if (properties === undefined || key.includes(null)) return undefined
  // Debezium fills columns that may not be null with empty values when only the key is in the log.
  if (!user && change.op === 'd') return undefined
  return {
    event_id: eventId([change.schema, change.table, key, rule.type, at.instant]),
    type: rule.type,
    occurred_at: at.instant,
    user_id: user,
    source: OLTP_SOURCE,
    properties,
  }
}

const eventId = (parts: readonly unknown[]): string =>
  `oltp-${createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 32)}`

/** A column that is null or missing counts as the empty text. */
const holds = (condition: Condition, row: Row): boolean =>
  Object.entries(condition).every(([name, values]) =>
    values.some((value) => String(value) === (asText(columnOf(row, name)) ?? '')),
  )

/** `isVersion`: the time says when the row was last touched, not when this happened. */
function timeOf(rule: Rule, { change, table, row }: Context): { instant: string; isVersion: boolean } | undefined {
  for (const name of [rule.at].flat()) {
    if (name === '$commit') {
      // A snapshot is read at another time every time: no two would give the same event.
      if (change.op === 'r' || change.committedAt === undefined) continue
      return { instant: new Date(change.committedAt).toISOString(), isVersion: true }
    }
    const instant = asInstant(columnOf(row, name))
    if (instant !== null) return { instant, isVersion: name === table.version }
  }
  return undefined
}

/** Whether this change is what the rule speaks of, rather than a later change of a row of which it was true already. */
function isNews(
  rule: Rule,
  at: { instant: string; isVersion: boolean },
  { change, table, row, before }: Context,
): boolean {
  if (rule.was && !(before && holds(rule.was, before))) return false
  if (rule.changed) {
    if (change.op === 'c') return false
    if (before) return rule.changed.some((name) => differs(columnOf(before, name), columnOf(row, name)))
    return rule.asserts && at.instant !== asInstant(columnOf(row, table.created))
  }
  const wasTrueBefore = before && rule.when && holds(rule.when, before)
  return !(at.isVersion && wasTrueBefore)
}

/** Unknown values (large and unchanged) do not differ. */
const differs = (a: unknown, b: unknown): boolean =>
  a !== undefined && b !== undefined && JSON.stringify(a) !== JSON.stringify(b)

/** Undefined: a value is not known. Columns that are null or that the table does not have give no property. */
function propertiesOf(rule: Rule, row: Row): Record<string, unknown> | undefined {
  const properties: Record<string, unknown> = {}
  for (const [name, spec] of Object.entries(rule.properties)) {
    if (columnsOf(spec).some((column) => Object.hasOwn(row, column) && columnOf(row, column) === undefined))
      return undefined
    const value = propertyOf(spec, row)
    if (value !== null && value !== undefined) properties[name] = value
  }
  return properties
}

function columnsOf(spec: ValueSpec): string[] {
  if (typeof spec === 'string') return [spec]
  if ('value' in spec) return []
  if ('schedule' in spec) return Object.values(spec.schedule).filter((name) => name !== undefined)
  return [spec.column]
}

function propertyOf(spec: ValueSpec, row: Row): unknown {
  if (typeof spec === 'string') return asText(columnOf(row, spec))
  if ('value' in spec) return spec.value
  if ('schedule' in spec) {
    const { days = '', times = '', frequency = '' } = spec.schedule
    return asSchedule(columnOf(row, days), columnOf(row, times), columnOf(row, frequency))
  }
  const value = columnOf(row, spec.column)
  const mapped = spec.map?.[asText(value) ?? '']
  if (mapped !== undefined) return mapped
  if (value === null || value === undefined) return null
  switch (spec.as) {
    case 'text':
      return asText(value)
    case 'number':
    case 'integer': {
      const number = asNumber(value, spec.scale)
      if (number === null) return asText(value)
      const scaled = spec.factor === undefined ? number : Number((number * spec.factor).toPrecision(12))
      return spec.as === 'integer' ? Math.round(scaled) : scaled
    }
    case 'boolean':
      return asBoolean(value) ?? asText(value)
    case 'date':
      return asDate(value)
    case 'json':
      return asJson(value)
    case 'length':
      return [...(asText(value) ?? '')].length
  }
}
