import { z } from 'zod'
import { type OltpMapping, tableMapping } from '../../sources/oltp/mapping.ts'
import { readBroadcast, readPostgresChange, rowRead } from '../../sources/supabase/messages.ts'
import { eventsOrRejection, mappingOf, mappingSetting, names, oldestToTell } from './oltp.ts'
import { defineSource, type RejectedMessage, requireSecret, SourceMisconfigured } from './source.ts'
import { accessToken } from './supabase/access-token.ts'
import { changedRows, type TableRead } from './supabase/changed-rows.ts'
import { connect, type Incoming } from './supabase/connection.ts'

const NAME = 'supabase_realtime'
const BATCH = 500
const IDLE_MS = 5_000

const position = z.object({
  /** Newest version (ISO) up to which a table's rows were read. Only reading moves it: Realtime may leave changes out. */
  versions: z.record(z.string(), z.string()).default({}),
  /** When the last broadcast came, ms. */
  broadcast_at: z.number().optional(),
})

/**
 * A Supabase project: changes of rows and broadcasts as Realtime tells them, and the rows themselves, read through
 * PostgREST by their version, for what was told while nobody listened and for what Realtime leaves out. Events are made of
 * the row, so that one told by both counts once. A lost connection ends the run; the next one reads what was missed.
 */
export const supabaseRealtime = defineSource({
  name: NAME,
  docs: 'docs/sources/supabase.md',
  settings: z.strictObject({
    url: z.url({ protocol: /^https?$/ }),
    tables: names.optional(),
    mapping: mappingSetting,
    broadcast_topic: z.string().min(1).max(255).optional(),
    broadcast_private: z.boolean().default(true),
    /** How late a row may become visible after its version: the longest transaction that writes. */
    overlap_seconds: z.number().min(0).max(86_400).default(120),
    /** How often rows are read although the connection is there. */
    sweep_seconds: z.number().min(1).max(86_400).default(300),
    heartbeat_seconds: z.number().min(0.1).max(60).default(25),
    token_role: z.string().max(63).default('service_role'),
    token_seconds: z.int().min(2).max(86_400).default(3600),
  }),
  secrets: ['key', 'jwt_secret'],
  position,
  async run(run) {
    const { settings, signal, accept, lag, tenant } = run
    const mapping = mappingOf(settings.mapping)
    const tables = tablesOf(settings.tables ?? [], mapping)
    if (tables.length === 0 && settings.broadcast_topic === undefined)
      throw new SourceMisconfigured(`source.${NAME}.tables and broadcast_topic are both missing`)
    const key = requireSecret(run, NAME, 'key')
    const { token_role: role, token_seconds: seconds } = settings
    const token = accessToken({ key, jwtSecret: run.secret('jwt_secret'), role, seconds })
    const at = structuredClone(run.position ?? position.parse({}))
    const topic = settings.broadcast_topic
    const overlapMs = settings.overlap_seconds * 1000
    const since = at.broadcast_at === undefined ? undefined : at.broadcast_at - overlapMs
    const broadcast = topic === undefined ? undefined : { topic, private: settings.broadcast_private, since }

    const readRows = async () => {
      const notBefore = oldestToTell(tenant)
      for (const table of tables) {
        const name = `${table.schema}.${table.name}`
        const known = at.versions[name]
        const from = known === undefined ? undefined : new Date(Date.parse(known) - overlapMs).toISOString()
        for await (const rows of changedRows({ url: settings.url, key, token, signal }, table, from)) {
          const told = rows.map((row) => eventsOrRejection(rowRead(table.schema, table.name, row), mapping, notBefore))
          at.versions[name] = newer(at.versions[name], rows.at(-1)?.[table.version])
          const events = told.flatMap((one) => one.events)
          const rejected = told.flatMap((one) => one.rejected)
          await accept({ events, rejected, messages: rows.length, position: at })
        }
      }
    }

    const { heartbeat_seconds: heartbeatSeconds } = settings
    const connection = await connect({ url: settings.url, key, token, tables, broadcast, heartbeatSeconds, signal })
    try {
      // Subscribed first, read afterwards: nothing falls between.
      let readAgainAt = 0
      while (!signal.aborted) {
        const lost = connection.lost()
        if (!lost && Date.now() >= readAgainAt) {
          await readRows()
          readAgainAt = Date.now() + settings.sweep_seconds * 1000
        }
        const batch = connection.take(BATCH)
        if (batch.length > 0) {
          const { isIncomplete, ...told } = eventsOf(batch, mapping)
          if (isIncomplete) readAgainAt = 0
          at.broadcast_at = told.broadcastAt ?? at.broadcast_at
          const { events, rejected, lagSeconds } = told
          await accept({
            events,
            rejected,
            messages: batch.length,
            position: at,
            ...(lagSeconds === undefined ? {} : { lagSeconds }),
          })
          continue
        }
        if (lost) throw new Error(`the connection was lost: ${lost.message}`)
        lag(0)
        await connection.wait(Math.min(IDLE_MS, Math.max(0, readAgainAt - Date.now())))
      }
      return undefined
    } finally {
      connection.close()
    }
  },
})

/** `goals` is `public.goals`; its key and version are those of the mapping. */
function tablesOf(given: readonly string[], mapping: OltpMapping): TableRead[] {
  return given.map((text) => {
    const [schema, name] = text.includes('.') ? (text.split('.', 2) as [string, string]) : ['public', text]
    const found = tableMapping(mapping, schema, name)
    if (!found)
      throw new SourceMisconfigured(`source.${NAME}.tables: ${text} is in no mapping (docs/sources/supabase.md)`)
    return { schema, name, version: found.version, key: found.key }
  })
}

/** Versions are PostgreSQL's text of an instant; they are kept to the millisecond, rounded down. */
function newer(known: string | undefined, version: unknown): string {
  const at =
    typeof version === 'string'
      ? Date.parse(/(Z|[+-]\d\d(:?\d\d)?)$/i.test(version) ? version : `${version}Z`)
      : Number.NaN
  if (!Number.isFinite(at)) throw new Error('the version column of a row is no instant')
  const iso = new Date(at).toISOString()
  return known !== undefined && known > iso ? known : iso
}

function eventsOf(batch: readonly Incoming[], mapping: OltpMapping) {
  const events: unknown[] = []
  const rejected: RejectedMessage[] = []
  let isIncomplete = false
  let lagSeconds: number | undefined
  let broadcastAt: number | undefined
  for (const message of batch) {
    if (message.kind === 'broadcast') {
      broadcastAt = message.receivedAt
      const found = readBroadcast(message.payload)
      if (found) events.push(...found)
      else
        rejected.push({
          body: message.payload,
          code: 'unreadable_message',
          message: 'The payload of a broadcast must be an event with event_id, or {"events": […]}.',
        })
      continue
    }
    const reading = readPostgresChange(message.payload)
    if (reading.kind === 'incomplete') isIncomplete = true
    else if (reading.kind === 'unreadable')
      rejected.push({ body: message.payload, code: 'unreadable_message', message: reading.message })
    else {
      const told = eventsOrRejection(reading.change, mapping)
      events.push(...told.events)
      rejected.push(...told.rejected)
      const { committedAt } = reading.change
      if (committedAt !== undefined) lagSeconds = Math.max(0, (Date.now() - committedAt) / 1000)
    }
  }
  return { events, rejected, isIncomplete, lagSeconds, broadcastAt }
}
