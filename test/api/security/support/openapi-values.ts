import fc from 'fast-check'

export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly format?: string
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
  readonly maxItems?: number
}

/** Words that mean something to this API: a request made of them gets past the first check. */
const words = [
  'plan',
  'coach',
  'cohort',
  'day',
  'week',
  'month',
  'pro-x',
  'coach-1',
  'member-1',
  'dau',
  'goal_completion_rate',
  'net_mrr',
  '2026-W14',
  '2026-04',
  'calm-x',
  'USD',
  'stripe',
  'fuzz',
] as const

const date = fc
  .date({ min: new Date('2023-01-01T00:00:00Z'), max: new Date('2027-12-31T00:00:00Z'), noInvalidDate: true })
  .map((day) => day.toISOString().slice(0, 10))
const instant = fc
  .date({ min: new Date('2023-01-01T00:00:00Z'), max: new Date('2027-12-31T00:00:00Z'), noInvalidDate: true })
  .map((day) => day.toISOString())

function text(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.format === 'uuid') return fc.uuid()
  if (schema.format === 'date') return date
  if (schema.format === 'date-time') return instant
  if (schema.pattern !== undefined && !schema.pattern.includes('(?'))
    return fc.stringMatching(new RegExp(schema.pattern), { maxLength: 64 })
  return fc.oneof(
    fc.constantFrom(...words),
    date,
    instant,
    fc.string({ maxLength: Math.min(schema.maxLength ?? 40, 40) }),
  )
}

/** Values that the schema allows, or nearly: what is checked beyond a schema is not known to it. */
export function valuesOf(
  schema: Schema,
  components: Readonly<Record<string, Schema>>,
  depth = 0,
): fc.Arbitrary<unknown> {
  const inner = (one: Schema): fc.Arbitrary<unknown> => valuesOf(one, components, depth + 1)
  if (depth > 8) return fc.constant(null)
  if (schema.$ref !== undefined) return inner(components[schema.$ref.split('/').at(-1) ?? ''] ?? {})
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf
  if (choices !== undefined) return fc.oneof(...choices.map(inner))
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  switch (type) {
    case 'string':
      return text(schema)
    case 'integer':
      return fc.integer({ min: Math.max(schema.minimum ?? 0, -1e6), max: Math.min(schema.maximum ?? 1e6, 1e6) })
    case 'number':
      return fc.double({ min: schema.minimum ?? -1e6, max: schema.maximum ?? 1e6, noNaN: true })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(inner(schema.items ?? {}), { maxLength: Math.min(schema.maxItems ?? 4, 4) })
    case 'object': {
      const properties = Object.entries(schema.properties ?? {}).map(([name, one]) => [name, inner(one)] as const)
      return fc.record(Object.fromEntries(properties), {
        requiredKeys: [...(schema.required ?? [])].filter((name) => schema.properties?.[name]),
        noNullPrototype: true,
      })
    }
    default:
      return fc.oneof(fc.constantFrom(...words), fc.integer(), fc.boolean(), fc.constant(null), fc.constant({}))
  }
}
