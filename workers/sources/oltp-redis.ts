import { z } from 'zod'
import { debeziumValue, readableFields } from '../../sources/redis/entries.ts'
import { eventsOfDebezium, mappingOf, mappingSetting, names } from './oltp.ts'
import { consumeGroup } from './redis-group.ts'
import { defineSource, requireSecret } from './source.ts'

/** The product's database, as Debezium Server's Redis sink writes its changes: a stream per table. */
export const oltpRedis = defineSource({
  name: 'oltp_redis',
  docs: 'docs/sources/postgres-oltp.md',
  settings: z.strictObject({
    streams: names.default(['upcoach.public.*']),
    group: z.string().min(1).max(128).default('upcoach-analytics'),
    batch: z.int().min(1).max(5000).default(500),
    max_deliveries: z.int().min(2).max(100).default(5),
    trim: z.boolean().default(false),
    mapping: mappingSetting,
  }),
  secrets: ['url'],
  // The consumer group keeps it.
  position: z.null(),
  async run(run) {
    const { mapping: own, max_deliveries: maxDeliveries, ...settings } = run.settings
    const mapping = mappingOf(own)
    const url = requireSecret(run, 'oltp_redis', 'url')
    await consumeGroup({ ...settings, maxDeliveries, url }, run, (entries) =>
      eventsOfDebezium(
        entries.map(({ stream, fields }) => ({
          value: debeziumValue(fields) ?? readableFields(fields),
          topic: stream,
        })),
        mapping,
        run.tenant,
        run.logger,
      ),
    )
    return undefined
  },
})
