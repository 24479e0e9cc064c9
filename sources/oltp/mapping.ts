import { z } from 'zod'

const column = z.string().min(1).max(63)

/** How a column becomes a property. A plain name is `{ column, as: 'text' }`. */
const valueSpec = z.union([
  column,
  z.strictObject({ value: z.union([z.string(), z.number(), z.boolean()]) }),
  z.strictObject({
    column,
    as: z.enum(['text', 'number', 'integer', 'boolean', 'date', 'json', 'length']).default('text'),
    /** Numbers are multiplied by it: 0.01 turns a percentage into a share. */
    factor: z.number().optional(),
    /** Digits after the point of a NUMERIC that comes as bytes without its schema (decimal.handling.mode=precise). */
    scale: z.int().min(0).max(100).optional(),
    /** Values of the column → values of the property; others stay as they are. */
    map: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  }),
  /** A habit's schedule, made of whichever columns there are: days (ISO, 0 is Sunday too), times a week, a word. */
  z.strictObject({
    schedule: z.strictObject({ days: column.optional(), times: column.optional(), frequency: column.optional() }),
  }),
])
export type ValueSpec = z.infer<typeof valueSpec>

/** Column → the values (compared as text) that it must have. */
const condition = z.record(column, z.array(z.union([z.string(), z.number(), z.boolean()])).min(1))
export type Condition = z.infer<typeof condition>

const rule = z.strictObject({
  /** An event type of docs/events.md. */
  type: z.string().min(1),
  /** `row`: the row, as it is now, says so. `delete`: the row is gone. */
  on: z.enum(['row', 'delete']).default('row'),
  when: condition.optional(),
  /** How the row must have been before; says nothing when that is not known. */
  was: condition.optional(),
  /** One of these columns must have changed; says nothing when that is not known, unless `asserts`. */
  changed: z.array(column).min(1).optional(),
  /** Saying it again changes no number (a plan, a schedule): also said when it is not known what changed. */
  asserts: z.boolean().default(false),
  /** When it happened: the first of these columns that is not null; `$commit` is the transaction's time. */
  at: z.union([column, z.array(column).min(1)]),
  /** Instead of the table's. */
  user: column.optional(),
  properties: z.record(z.string(), valueSpec).default({}),
})
export type Rule = z.infer<typeof rule>

const table = z.strictObject({
  key: z.array(column).min(1).default(['id']),
  /** Column with the member's id. */
  user: column,
  /** Set once, when the row is made. */
  created: column.default('created_at'),
  /** Moves with every change of the row. */
  version: column.default('updated_at'),
  events: z.array(rule),
})
export type TableMapping = z.infer<typeof table>

/** Table name, with or without its schema → its events; `false`: nothing is read of it. */
export const mappingSchema = z.record(z.string().min(1).max(127), z.union([table, z.literal(false)]))
export type OltpMapping = z.infer<typeof mappingSchema>
export type OltpMappingInput = z.input<typeof mappingSchema>

/** Tables that a tenant describes replace those of the default, whole. */
export function withOverrides(base: OltpMapping, overrides: OltpMapping | undefined): OltpMapping {
  return overrides === undefined ? base : { ...base, ...overrides }
}

/** `public.goals` before `goals`; undefined when nobody maps the table. */
export function tableMapping(mapping: OltpMapping, schema: string, name: string): TableMapping | undefined {
  for (const key of [`${schema}.${name}`, name]) {
    const found = Object.hasOwn(mapping, key) ? mapping[key] : undefined
    if (found !== undefined) return found === false ? undefined : found
  }
  return undefined
}
