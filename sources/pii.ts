import { createHmac } from 'node:crypto'
import { findEventType } from './catalog.ts'
import { replaceEmails } from './emails.ts'
import { eventLimits, type ParsedEvent } from './envelope.ts'
import { subjectOf } from './parse-event.ts'
import { storable } from './property-bounds.ts'

/** Keys whose values are always personal. Compared without case, `_`, `-`, `.`, `$` and blanks: `firstName`, `E-Mail`. */
const personalKeys = [
  'email',
  'email_address',
  'phone',
  'phone_number',
  'name',
  'first_name',
  'last_name',
  'full_name',
  'ip',
  'ip_address',
  'address',
]

/** Where chat text may hide in a message; the contract knows `text`, clients also send the others. */
const messageTextKeys: ReadonlySet<string> = new Set(['text', 'body', 'content', 'message', 'html', 'markdown'])

/** A value that already was replaced: scrubbing twice (a replay from the quarantine) changes nothing. */
const replaced = /^hmac:[0-9a-f]{32}$/

const normalise = (key: string): string => key.toLowerCase().replace(/[\s_.$-]/g, '')

const builtIn: ReadonlySet<string> = new Set(personalKeys.map(normalise))
/** Only rejected events are ever this deep; walking them further could exhaust the stack. */
const maxDepth = 8

const noneDeclared: ReadonlySet<string> = new Set()

type Rules = {
  readonly key: Buffer
  readonly configured: ReadonlySet<string>
  /** Properties the catalogue declares for this type (`name` of an action): built-in keys do not apply to them. */
  readonly declared: ReadonlySet<string>
  readonly dropMessageText: boolean
}

const configuredSets = new WeakMap<readonly string[], ReadonlySet<string>>()

function configuredSet(configured: readonly string[]): ReadonlySet<string> {
  const known = configuredSets.get(configured)
  if (known) return known
  const set = new Set(configured.map(normalise))
  configuredSets.set(configured, set)
  return set
}

/**
 * Removes personal data before anything is written: values under personal keys (built in and `configured`, at any
 * depth) and every e-mail address in any text or key become `hmac:<32 hex>`, keyed per tenant, so that equal values
 * stay equal and cannot be read back; chat text becomes its length. Pure and idempotent.
 */
export function scrub(event: ParsedEvent, key: Buffer, configured: readonly string[]): ParsedEvent {
  const definition = findEventType(event.type)
  const rules = rulesFor(event.type, key, configured)
  const source = event.source === null ? null : scrubText(event.source, rules)
  let properties = scrubObject(event.properties, rules, 1)
  if (rules.dropMessageText) properties = withTextLength(event.properties, properties)
  if (properties === event.properties && source === event.source) return event
  return { ...event, source, properties, subject_id: subjectOf(definition?.subject, properties) }
}

/**
 * The same for whatever was sent instead of an event, so that the quarantine can keep it: any JSON in, storable JSON
 * out (no NUL, no unpaired surrogate, bounded depth and text length), free of personal data as far as it can be told.
 */
export function scrubRaw(raw: unknown, key: Buffer, configured: readonly string[]): unknown {
  // Text on its own has no keys to judge it by, in a list neither; it could be anything.
  if (typeof raw === 'string') return { unreadable_text: true, length: raw.length }
  if (Array.isArray(raw)) return { unreadable_list: true, length: raw.length }
  const type = typeof raw === 'object' && raw !== null ? Reflect.get(raw, 'type') : undefined
  const rules = rulesFor(typeof type === 'string' ? type : '', key, configured)
  const clean = scrubValue(raw, rules, -1, true)
  if (!rules.dropMessageText || !isObject(raw) || !isObject(clean)) return clean
  if (!isObject(raw.properties) || !isObject(clean.properties)) return clean
  return { ...clean, properties: withTextLength(raw.properties, clean.properties) }
}

function rulesFor(type: string, key: Buffer, configured: readonly string[]): Rules {
  const definition = findEventType(type)
  return {
    key,
    configured: configuredSet(configured),
    declared: definition ? declaredOf(type, definition.properties.shape) : noneDeclared,
    // A type nobody knows may be a misspelt message.
    dropMessageText: type === 'message_sent' || definition === undefined,
  }
}

const declaredSets = new Map<string, ReadonlySet<string>>()

function declaredOf(type: string, shape: object): ReadonlySet<string> {
  const known = declaredSets.get(type)
  if (known) return known
  const set = new Set(Object.keys(shape))
  declaredSets.set(type, set)
  return set
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function withTextLength(before: Record<string, unknown>, after: Record<string, unknown>): Record<string, unknown> {
  const text = before.text
  return typeof text === 'string' ? { ...after, length: [...text].length } : after
}

function isPersonal(key: string, name: string, rules: Rules, depth: number): boolean {
  if (rules.configured.has(name)) return true
  return builtIn.has(name) && !(depth === 1 && rules.declared.has(key))
}

/** Rich text comes as lists and objects of pieces; numbers and flags under these keys are no text. */
const isText = (value: unknown): boolean => typeof value === 'string' || (typeof value === 'object' && value !== null)

/** Returns the same object when nothing had to change: the common case costs no copy. */
function scrubObject(object: Record<string, unknown>, rules: Rules, depth: number, clean = false) {
  let changed = false
  const entries: [string, unknown][] = []
  for (const key of Object.keys(object)) {
    const value = object[key]
    const name = normalise(key)
    if (rules.dropMessageText && isText(value) && messageTextKeys.has(name)) {
      changed = true
      continue
    }
    const newKey = scrubText(key, rules, clean)
    const newValue = isPersonal(key, name, rules, depth)
      ? hide(value, rules, depth)
      : scrubValue(value, rules, depth, clean)
    changed ||= newKey !== key || newValue !== value
    entries.push([newKey, newValue])
  }
  // fromEntries defines own properties, so a key named __proto__ stays a key.
  return changed ? (Object.fromEntries(entries) as Record<string, unknown>) : object
}

function scrubValue(value: unknown, rules: Rules, depth: number, clean: boolean): unknown {
  if (typeof value === 'string') return scrubText(value, rules, clean)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= maxDepth) return '[too deep]'
  if (!Array.isArray(value)) return scrubObject(value as Record<string, unknown>, rules, depth + 1, clean)
  const items = value.map((item) => scrubValue(item, rules, depth + 1, clean))
  return items.some((item, index) => item !== value[index]) ? items : value
}

function scrubText(text: string, rules: Rules, clean = false): string {
  let kept = text
  if (clean) kept = text.length > eventLimits.textLength ? '[too long]' : storable(text)
  return replaceEmails(kept, (address) => hmac(address, rules.key))
}

function hide(value: unknown, rules: Rules, depth: number): unknown {
  if (value === null || value === undefined) return value
  if (typeof value !== 'string') return hmac(JSON.stringify(scrubValue(value, rules, depth, true)), rules.key)
  return replaced.test(value) ? value : hmac(value, rules.key)
}

/** Case and outer blanks do not make another person. */
export function hmac(value: string, key: Buffer): string {
  const digest = createHmac('sha256', key).update(value.trim().toLowerCase(), 'utf8').digest('hex')
  return `hmac:${digest.slice(0, 32)}`
}
