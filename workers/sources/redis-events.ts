import { z } from 'zod'
import { type EntryReading, readableFields, readEventEntry } from '../../sources/redis/entries.ts'
import { names } from './oltp.ts'
import { consumeGroup, type Entry } from './redis-group.ts'
import { defineSource, requireSecret } from './source.ts'

/** Events that services write to a Redis stream: realtime metrics, engagement logs. */
export const redisEvents = defineSource({
  name: 'redis_events',
  docs: 'docs/sources/redis-events.md',
  settings: z.strictObject({
    streams: names.default(['analytics:events']),
    group: z.string().min(1).max(128).default('upcoach-analytics'),
    batch: z.int().min(1).max(5000).default(500),
    max_deliveries: z.int().min(2).max(100).default(5),
    trim: z.boolean().default(false),
  }),
  secrets: ['url'],
  // The consumer group keeps it.
  position: z.null(),
  async run(run) {
    const { max_deliveries: maxDeliveries, ...settings } = run.settings
    const url = requireSecret(run, 'redis_events', 'url')
    await consumeGroup({ ...settings, maxDeliveries, url }, run, batchOf)
    return undefined
  },
})

function batchOf(entries: readonly Entry[]) {
  const readings = entries.map((entry) => ({ entry, reading: readEventEntry(entry.stream, entry.id, entry.fields) }))
  return {
    events: readings.flatMap(({ reading }) => (reading.ok ? reading.events : [])),
    rejected: readings.flatMap(({ entry, reading }) => (reading.ok ? [] : [rejection(entry, reading)])),
  }
}

const rejection = ({ fields }: Entry, { code, message }: Extract<EntryReading, { ok: false }>) => ({
  body: readableFields(fields),
  code,
  message,
})
