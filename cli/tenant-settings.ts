import { z } from 'zod'
import { alertRules } from '../metrics/alerts/catalog.ts'
import { alertSetting } from '../metrics/alerts/settings.ts'
import { sources } from '../workers/sources/catalog.ts'
import { UserError } from './run.ts'

const listOfNames = z.string().transform((text) =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean),
)

function isLocale(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag)[0] === tag
  } catch {
    return false
  }
}

/** Settings with a rule of their own. `feature.*` (true or false), `alerts.*`, `revenue.*` (any JSON) and `source.*` are taken as well. */
const known = {
  retention_months: z.coerce.number().int().min(1).max(120),
  sla_hours: z.coerce
    .number()
    .positive()
    .max(24 * 14),
  session_gap_minutes: z.coerce
    .number()
    .int()
    .min(1)
    .max(24 * 60),
  pii_keys: listOfNames,
  alert_webhook_url: z.url({ protocol: /^https?$/ }),
  locale: z.string().refine(isLocale, 'must be a language tag such as de-DE'),
} as const satisfies Record<string, z.ZodType>

const columns = ['name', 'timezone', 'currency'] as const
type Column = (typeof columns)[number]

/** The PII key must never change: pseudonyms of stored events would no longer match. */
const UNTOUCHABLE = new Set(['pii_key'])
const isSecretName = (name: string) => /^[a-z][a-z0-9_]*_(secret|authorization|token)$/.test(name)

export type Assignment =
  | { readonly kind: 'column'; readonly name: Column; readonly value: string }
  /** null removes it. */
  | { readonly kind: 'setting'; readonly name: string; readonly value: unknown }
  /** undefined removes it. */
  | { readonly kind: 'secret'; readonly name: string; readonly value: string | undefined }

/** `key=value` → what it changes. An empty value removes a setting or secret. Throws a user error for an unknown key. */
export function readAssignment(key: string, value: string): Assignment {
  if (UNTOUCHABLE.has(key)) throw new UserError(`${key} is made by the platform and cannot be set`)
  if (isSecretName(key)) return { kind: 'secret', name: key, value: value === '' ? undefined : value }
  if (key.startsWith('source.')) return sourceAssignment(key, value)
  const column = columns.find((name) => name === key)
  if (column) return { kind: 'column', name: column, value }
  return { kind: 'setting', name: key, value: value === '' ? null : settingValue(key, value) }
}

/** `source.<name>.<setting>`: checked by the source's own schema; its secrets are stored as such. */
function sourceAssignment(key: string, value: string): Assignment {
  const [, name, setting] = /^source\.([a-z0-9_]+)\.([a-z0-9_]+)$/.exec(key) ?? []
  const source = sources.find((candidate) => candidate.name === name)
  if (source === undefined || setting === undefined)
    throw new UserError(`unknown source in ${key}; known: ${sources.map((known) => known.name).join(', ')}`)
  if (source.secrets.includes(setting)) return { kind: 'secret', name: key, value: value === '' ? undefined : value }
  const shape: Readonly<Record<string, z.ZodType>> = { enabled: z.boolean(), ...source.settings.shape }
  const schema = shape[setting]
  if (schema === undefined) {
    const names = [...Object.keys(shape), ...source.secrets]
    throw new UserError(`${key} is none of ${name}'s settings: ${names.join(', ')} (${source.docs})`)
  }
  if (value === '') return { kind: 'setting', name: key, value: null }
  // A text may look like a number; only when text does not fit is it read as JSON.
  const given = schema.safeParse(value).success ? value : jsonOrText(value)
  const parsed = schema.safeParse(given)
  if (parsed.success) return { kind: 'setting', name: key, value: given }
  const [issue] = parsed.error.issues
  throw new UserError(`${[key, ...(issue?.path ?? [])].join('.')}: ${issue?.message} (${source.docs})`)
}

function settingValue(key: string, value: string): unknown {
  if (Object.hasOwn(known, key)) {
    const parsed = known[key as keyof typeof known].safeParse(value)
    if (parsed.success) return parsed.data
    throw new UserError(`${key}: ${parsed.error.issues[0]?.message ?? 'not a valid value'}`)
  }
  if (/^feature\.[a-z0-9_]+$/.test(key)) {
    if (value === 'true' || value === 'false') return value === 'true'
    throw new UserError(`${key} must be true or false`)
  }
  if (key.startsWith('alerts.')) return alertValue(key, value)
  if (/^revenue\.[a-z0-9_]+$/.test(key)) return jsonOrText(value)
  const names = [
    ...columns,
    ...Object.keys(known),
    'feature.<name>',
    'alerts.<rule>',
    'revenue.<name>',
    'source.<name>.<setting>',
  ]
  throw new UserError(
    `unknown key ${key}; known: ${names.join(', ')}, and secrets named *_secret, *_authorization, *_token`,
  )
}

/** A rule’s own threshold; `false` switches the rule off. */
function alertValue(key: string, value: string): unknown {
  if (!alertRules.some((rule) => alertSetting(rule) === key))
    throw new UserError(`${key} is no alert rule; known: ${alertRules.map(alertSetting).join(', ')}`)
  if (value === 'false') return false
  const threshold = Number(value)
  if (Number.isFinite(threshold)) return threshold
  throw new UserError(`${key} must be a number (its threshold) or false (off)`)
}

function jsonOrText(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}
