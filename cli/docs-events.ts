import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { eventCatalog } from '../sources/catalog.ts'
import { sentEvent } from '../sources/envelope.ts'
import { batchErrors, eventErrors } from '../sources/errors.ts'
import type { EventType } from '../sources/event-type.ts'

type Schema = {
  readonly type?: string
  readonly description?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly format?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
}

/** A JSON Schema in a few words: `integer 1–5`, `text ≤ 128`, `{ kind: "weekdays", days: […] }`. */
function inWords(schema: Schema): string {
  const choices = (schema.anyOf ?? schema.oneOf)?.filter((choice) => choice.type !== 'null')
  if (choices) return choices.map(inWords).join(' or ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' or ')
  if (schema.type === 'array') return `list of ${inWords(schema.items ?? {})}`
  if (schema.type === 'object') {
    const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => `${name}: ${inWords(field)}`)
    return fields.length === 0 ? 'object' : `{ ${fields.join(', ')} }`
  }
  if (schema.type === 'string')
    return schema.format === 'date' ? 'day YYYY-MM-DD' : `text${schema.maxLength ? ` ≤ ${schema.maxLength}` : ''}`
  const { minimum, maximum } = schema
  const bounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER
  return `${schema.type}${bounded ? ` ${minimum}–${maximum}` : minimum === undefined ? '' : ` ≥ ${minimum}`}`
}

function table(schema: Schema): string[] {
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const inner = field.anyOf?.find((choice) => choice.type !== 'null')
    const required = schema.required?.includes(name) ? 'yes' : ''
    return `| \`${name}\` | ${inWords(field)} | ${required} | ${field.description ?? inner?.description ?? ''} |`
  })
  return rows.length === 0
    ? ['No properties of its own.']
    : ['| property | type | required | |', '|---|---|---|---|', ...rows]
}

function section(event: EventType): string[] {
  const always = event.example.type === 'message_sent' ? 'the member, if `sender` is `member`' : whoDidIt(event)
  return [
    `## ${event.type}`,
    '',
    event.description,
    '',
    `Done by: ${always}.${event.subject ? ` About: \`${event.subject}\`.` : ''}`,
    '',
    ...table(z.toJSONSchema(event.properties, { io: 'input' }) as Schema),
    '',
    '```json',
    JSON.stringify(event.example),
    '```',
    '',
  ]
}

function whoDidIt(event: EventType): string {
  return event.actor(event.example.properties ?? {}) === 'member'
    ? 'the member'
    : 'the system (no activity of the member)'
}

/** The whole page, from the catalogue alone. */
export function eventsPage(): string {
  const errors = Object.entries({ ...eventErrors, ...batchErrors }).map(([code, text]) => `| \`${code}\` | ${text} |`)
  return [
    '<!-- DO NOT EDIT: written by `node --import tsx cli/docs-events.ts` from sources/catalog.ts. -->',
    '',
    '# Events',
    '',
    'What `POST /api/analytics/events` takes. Every event has these fields:',
    '',
    ...table(z.toJSONSchema(sentEvent, { io: 'input' }) as Schema),
    '',
    'An optional field or property may also be null, which is the same as leaving it out. Further properties are kept as',
    'they are: at most 255 in all, nested at most 3 levels. Personal data in them (e-mail, phone, name, IP, address and the',
    "tenant's own list) is replaced by a keyed hash before anything is written. Fields that are not in this table are ignored.",
    '',
    `Types: ${eventCatalog.map(({ type }) => `[${type}](#${type})`).join(' · ')}`,
    '',
    ...eventCatalog.flatMap(section),
    '## Why an event or a batch is refused',
    '',
    '| code | |',
    '|---|---|',
    ...errors,
    '',
  ].join('\n')
}

const page = fileURLToPath(new URL('../docs/events.md', import.meta.url))
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--help')) console.log('Writes docs/events.md from the event catalogue.')
  else writeFileSync(page, eventsPage())
}
