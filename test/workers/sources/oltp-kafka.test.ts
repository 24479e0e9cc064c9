import { randomUUID } from 'node:crypto'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sourceStatus } from '../../../db/sources/runners.ts'
import { createTenant, type Tenant } from '../../../db/tenant.ts'
import { updateTenant } from '../../../db/tenant-settings.ts'
import { openTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { ended, seeded, startWorkerProcess } from './support.ts'

const brokers = process.env.KAFKA_BROKERS
const KILLS = 5

describe.skipIf(brokers === undefined)('Debezium topics in Kafka (skipped without KAFKA_BROKERS)', () => {
  let database: TestDatabase
  const prefix = `t${randomUUID().slice(0, 8)}`
  const kafka = new Kafka({ brokers: (brokers ?? '').split(','), logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  const admin = kafka.admin()
  beforeAll(async () => {
    database = await openTestDatabase()
    await admin.connect()
    await admin.createTopics({
      topics: ['goals', 'mood_entries'].map((table) => ({ topic: `${prefix}.public.${table}`, numPartitions: 2 })),
      waitForLeaders: true,
    })
    await producer.connect()
  })
  afterAll(async () => {
    await producer.disconnect()
    await admin.disconnect()
    await database.close()
  })

  const tenantWith = async (settings: Record<string, unknown>): Promise<Tenant> =>
    createTenant(database.pool, {
      slug: `t-${randomUUID()}`,
      timezone: 'UTC',
      currency: 'USD',
      settings: Object.fromEntries(
        Object.entries({ enabled: true, brokers, topics: `${prefix}.public.*`, group: randomUUID(), ...settings }).map(
          ([name, value]) => [`source.oltp_kafka.${name}`, value],
        ),
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

  it(`killed ${KILLS} times, it has every change once; tombstones and what is no change do not stop it`, {
    timeout: 400_000,
  }, async () => {
    const tenant = await tenantWith({ batch: 10 })
    const pick = seeded(11)
    let sent = 0
    const send = async (rows: number) => {
      const messages = Array.from({ length: rows }, () => {
        sent += 1
        return mood(sent)
      })
      await producer.send({ topic: `${prefix}.public.mood_entries`, messages })
    }
    await producer.send({
      topic: `${prefix}.public.goals`,
      messages: [
        { key: '{"id":1}', value: null },
        { key: '{"id":1}', value: '{"broken"' },
      ],
    })
    for (let round = 0; round < KILLS; round += 1) {
      await send(60)
      const worker = startWorkerProcess(database, { at: 2 + pick(3), when: pick(2) === 0 ? 'before' : 'after' })
      const late = setTimeout(() => worker.kill('SIGKILL'), 60_000)
      await ended(worker)
      clearTimeout(late)
      expect(worker.signalCode).toBe('SIGKILL')
    }
    const last = startWorkerProcess(database)
    try {
      await eventually(async () => expect(await counts(tenant)).toEqual({ mood_logged: sent }), 90_000)
      await eventually(async () => expect(await status(tenant)).toMatchObject({ backlog: 0, state: 'running' }), 30_000)
      expect((await status(tenant))?.failed).toBeGreaterThan(0)
    } finally {
      last.kill('SIGKILL')
      await ended(last)
    }
    expect(await counts(tenant)).toEqual({ mood_logged: KILLS * 60 })
    await updateTenant(database.pool, tenant.slug, { settings: { 'source.oltp_kafka.enabled': null } })
  })
})
