import { randomUUID } from 'node:crypto'
import { Kafka, logLevel, type Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sourceStatus } from '../../../db/sources/runners.ts'
import { createTenant, type Tenant } from '../../../db/tenant.ts'
import { updateTenant } from '../../../db/tenant-settings.ts'
import { openTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { hasKafka, type KafkaServer, startKafka } from './kafka-server.ts'
import { KILLS, KILLS_TIMEOUT, surviveKills } from './kills.ts'
import { ended, startWorkerProcess } from './support.ts'

describe.skipIf(!hasKafka)(
  'Debezium topics in Kafka (skipped unless KAFKA_HOME names an unpacked Kafka and java is there)',
  () => {
    let database: TestDatabase
    const prefix = `t${randomUUID().slice(0, 8)}`
    let kafka: KafkaServer
    let producer: Producer
    beforeAll(async () => {
      database = await openTestDatabase()
      kafka = await startKafka()
      const client = new Kafka({ brokers: [kafka.broker], logLevel: logLevel.NOTHING })
      const admin = client.admin()
      await admin.connect()
      await admin.createTopics({
        topics: ['goals', 'mood_entries'].map((table) => ({ topic: `${prefix}.public.${table}`, numPartitions: 2 })),
        waitForLeaders: true,
      })
      await admin.disconnect()
      // Through a crash of the broker a message may be written twice, as Debezium may write it.
      producer = client.producer({ retry: { retries: 100, maxRetryTime: 2000 } })
      await producer.connect()
    })
    afterAll(async () => {
      await producer.disconnect()
      await kafka.stop()
      await database.close()
    })

    const tenantWith = async (settings: Record<string, unknown>): Promise<Tenant> =>
      createTenant(database.pool, {
        slug: `t-${randomUUID()}`,
        timezone: 'UTC',
        currency: 'USD',
        settings: Object.fromEntries(
          Object.entries({
            enabled: true,
            brokers: kafka.broker,
            topics: `${prefix}.public.*`,
            group: randomUUID(),
            ...settings,
          }).map(([name, value]) => [`source.oltp_kafka.${name}`, value]),
        ),
      })
    const counts = async ({ id }: Tenant) => {
      const { rows } = await database.pool.query<{ type: string; events: number }>(
        'select type, count(*) as events from analytics.events where tenant_id = $1 group by 1 order by 1',
        [id],
      )
      return Object.fromEntries(rows.map(({ type, events }) => [type, events]))
    }
    const status = async ({ slug }: Tenant) => (await sourceStatus(database.pool)).find(({ tenant }) => tenant === slug)

    const mood = (id: number) => {
      const created_at = (Date.UTC(2026, 9, 1) + id * 1000) * 1000
      const payload = {
        before: null,
        after: { id, user_id: `m${id % 5}`, score: 3, created_at },
        source: { schema: 'public', table: 'mood_entries', ts_ms: created_at / 1000 },
        op: id % 4 === 0 ? 'r' : 'c',
      }
      return { key: JSON.stringify({ id }), value: JSON.stringify(id % 2 === 0 ? payload : { schema: {}, payload }) }
    }

    const send = (messages: { key: string; value: string | null }[], table = 'mood_entries') =>
      producer.send({ topic: `${prefix}.public.${table}`, messages })

    it('tombstones, what is no change and what no mapping can cope with do not hold up those behind them', async () => {
      const tenant = await tenantWith({ batch: 10, session_seconds: 6 })
      const endless = {
        op: 'd',
        before: { id: 1, user_id: 'm1', status: 'active' },
        source: { schema: 'public', table: 'goals', ts_ms: 1e300 },
      }
      await send(
        [
          { key: '{"id":1}', value: null },
          { key: '{"id":1}', value: '{"broken"' },
          { key: '{"id":1}', value: JSON.stringify(endless) },
        ],
        'goals',
      )
      await send([mood(1), mood(2)])
      const worker = startWorkerProcess(database)
      try {
        await eventually(async () => expect(await counts(tenant)).toEqual({ mood_logged: 2 }), 60_000)
        await eventually(
          async () => expect(await status(tenant)).toMatchObject({ backlog: 0, failed: 2, errors: 0 }),
          60_000,
        )
      } finally {
        worker.kill('SIGKILL')
        await ended(worker)
      }
      const { rows } = await database.pool.query<{ code: string }>(
        "select errors -> 0 ->> 'code' as code from analytics.quarantine where tenant_id = $1 order by 1",
        [tenant.id],
      )
      expect(rows.map(({ code }) => code)).toEqual(['mapping_failed', 'unreadable_message'])
      await updateTenant(database.pool, tenant.slug, { settings: { 'source.oltp_kafka.enabled': null } })
    })

    it(`consumer, broker and engine are killed ${KILLS} times: after each, every change counts once`, {
      timeout: KILLS_TIMEOUT,
    }, async () => {
      const tenant = await tenantWith({ batch: 10, session_seconds: 6 })
      // Those of the test before are in the topic.
      let rows = 2
      await surviveKills({
        database,
        tenant,
        source: 'oltp_kafka',
        async produce(pick) {
          const messages = Array.from({ length: 30 + pick(60) }, () => {
            rows += 1
            return mood(rows)
          })
          await send(messages)
        },
        inStep: async () => expect(await counts(tenant)).toEqual({ mood_logged: rows }),
        crashBroker: () => kafka.crash(),
      })
      await updateTenant(database.pool, tenant.slug, { settings: { 'source.oltp_kafka.enabled': null } })
    })
  },
)
