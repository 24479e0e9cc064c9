import { z } from 'zod'

/** Where a property of ours comes from: a property of theirs, converted if need be, or a constant. */
const propertySource = z.union([
  z.string(),
  z.strictObject({ value: z.union([z.string(), z.number(), z.boolean()]) }),
  z.strictObject({ property: z.string(), as: z.enum(['text', 'number', 'boolean']) }),
])
type PropertySource = z.infer<typeof propertySource>

const target = z.strictObject({ type: z.string(), properties: z.record(z.string(), propertySource).default({}) })

/**
 * The file of `--map`: what another tool's event names mean here. A name becomes one of our types, with properties named
 * or made for it, or null: left out. Names that are not listed become `action` events of that name, or are left out.
 */
export const eventNamesSchema = z.strictObject({
  events: z.record(z.string(), z.union([z.string(), target, z.null()])).default({}),
  others: z.enum(['action', 'skip']).default('action'),
  /** Property that holds the session's id. */
  session: z.string().optional(),
  /** Properties of theirs to keep although they are the tool's own (`$os`, `mp_lib`). */
  keep: z.array(z.string()).default([]),
})
export type EventNames = z.infer<typeof eventNamesSchema>

/** An event as other tools have it: a name and loose properties. A field that is missing is rejected at the door. */
export interface NamedEvent {
  readonly id: string
  readonly name: string
  /** ISO instant; undefined when there was none to read. */
  readonly at: string | undefined
  readonly user: string | undefined
  readonly source: string
  readonly properties: Readonly<Record<string, unknown>>
}

/** A record of another tool as an event to be taken, or in a word or two why it is none. */
export type Reading = { readonly event: unknown } | { readonly skipped: string }

/** Tools' own properties begin with `$` or `mp_`: device and library facts, many of them personal. */
const isOfTheTool = (name: string) => name.startsWith('$') || name.startsWith('mp_')

/** Translates by name. Nothing is judged here: what does not fit the catalogue is rejected, and explained, at the door. */
export function translate(given: NamedEvent, names: EventNames): Reading {
  const found = Object.hasOwn(names.events, given.name) ? names.events[given.name] : undefined
  if (found === null || (found === undefined && names.others === 'skip')) return { skipped: 'not in the mapping' }
  const wanted =
    found === undefined ? actionOf(given.name) : typeof found === 'string' ? target.parse({ type: found }) : found
  const kept = Object.entries(given.properties).filter(
    ([name, value]) => value !== null && name !== names.session && (!isOfTheTool(name) || names.keep.includes(name)),
  )
  const made = Object.entries(wanted.properties).flatMap(([name, from]) => {
    const value = propertyOf(given.properties, from)
    return value === undefined || value === null ? [] : [[name, value] as const]
  })
  const session = names.session === undefined ? undefined : given.properties[names.session]
  return {
    event: {
      event_id: given.id,
      type: wanted.type,
      ...(given.at === undefined ? {} : { occurred_at: given.at }),
      ...(given.user === undefined ? {} : { user_id: given.user }),
      ...(session === undefined || session === null || session === '' ? {} : { session_id: String(session) }),
      source: given.source,
      properties: Object.fromEntries([...kept, ...made]),
    },
  }
}

const actionOf = (name: string): z.infer<typeof target> => ({ type: 'action', properties: { name: { value: name } } })

function propertyOf(properties: Readonly<Record<string, unknown>>, from: PropertySource): unknown {
  if (typeof from === 'string') return own(properties, from)
  if ('value' in from) return from.value
  const value = own(properties, from.property)
  if (value === undefined || value === null) return undefined
  if (from.as === 'text') return String(value)
  if (from.as === 'boolean') return ['true', '1', 'yes'].includes(String(value).toLowerCase())
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value)
  return Number.isFinite(number) ? number : value
}

const own = (properties: Readonly<Record<string, unknown>>, name: string): unknown =>
  Object.hasOwn(properties, name) ? properties[name] : undefined
