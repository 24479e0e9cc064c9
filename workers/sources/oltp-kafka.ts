import { type Consumer, type EachBatchPayload, Kafka, logLevel, type SASLOptions } from 'kafkajs'
import { z } from 'zod'
import type { OltpMapping } from '../../sources/oltp/mapping.ts'
import { eventsOfDebezium, mappingOf, mappingSetting, names } from './oltp.ts'
import { defineSource, requireSecret, type SourceRun } from './source.ts'

const settings = z.strictObject({
  brokers: names,
  topics: names.default(['upcoach.public.*']),
  group: z.string().min(1).max(255).default('upcoach-analytics'),
  ssl: z.boolean().default(false),
  /** SASL; its password is a secret. */
  mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).optional(),
  username: z.string().max(255).optional(),
  batch: z.int().min(1).max(5000).default(500),
  /** How long a consumer may be silent before the group goes on without it; brokers take 6 to 1800 by default. */
  session_seconds: z.int().min(6).max(1800).default(30),
  mapping: mappingSetting,
})

type Run = SourceRun<z.infer<typeof settings>, null>

/** A consumer keeps the topics it subscribed to: how often new ones are looked for, which end the run. */
const DISCOVER_SECONDS = 30

/** The product's database, as Debezium writes its changes to Kafka: a topic per table. The group keeps the offsets. */
export const oltpKafka = defineSource({
  name: 'oltp_kafka',
  docs: 'docs/sources/postgres-oltp.md',
  settings,
  secrets: ['password'],
  position: z.null(),
  async run(run) {
    const { topics, group, session_seconds: seconds } = run.settings
    const timeouts = { sessionTimeout: seconds * 1000, rebalanceTimeout: 2 * seconds * 1000 }
    const kafka = client(run)
    const admin = kafka.admin()
    const consumer = kafka.consumer({ groupId: group, ...timeouts, retry: { retries: 2 } })
    const mapping = mappingOf(run.settings.mapping)
    try {
      await admin.connect()
      const patterns = topics.map(pattern)
      const matching = async () => (await admin.listTopics()).filter((topic) => patterns.some((one) => one.test(topic)))
      const found = await matching()
      if (found.length === 0) {
        run.lag(0)
        return { againInSeconds: DISCOVER_SECONDS }
      }
      await consumer.connect()
      await consumer.subscribe({ topics: found, fromBeginning: true })
      await consume(consumer, mapping, run, async () => (await matching()).some((topic) => !found.includes(topic)))
    } finally {
      await consumer.disconnect().catch(() => undefined)
      await admin.disconnect().catch(() => undefined)
    }
    return undefined
  },
})

const pattern = (name: string): RegExp => new RegExp(`^${name.split('*').map(literally).join('.*')}$`)
const literally = (text: string) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&')

function client(run: Run): Kafka {
  const { brokers, ssl, mechanism, username = '' } = run.settings
  const sasl =
    mechanism === undefined
      ? {}
      : { sasl: { mechanism, username, password: requireSecret(run, 'oltp_kafka', 'password') } as SASLOptions }
  return new Kafka({
    clientId: 'upcoach-analytics',
    brokers,
    ssl,
    ...sasl,
    retry: { retries: 2 },
    logLevel: logLevel.ERROR,
    logCreator:
      () =>
      ({ log }) =>
        run.logger.warn(
          { tenant: run.tenant.slug, source: 'oltp_kafka', kafka: log.message },
          'the Kafka client reports',
        ),
  })
}

/** Until the signal is aborted, something fails, or there are new topics. */
async function consume(
  consumer: Consumer,
  mapping: OltpMapping,
  run: Run,
  hasNewTopics: () => Promise<boolean>,
): Promise<void> {
  let end: (error?: unknown) => void = () => undefined
  const ended = new Promise<void>((resolve, reject) => {
    end = (error) => (error === undefined ? resolve() : reject(error))
  })
  const stop = () => end()
  run.signal.addEventListener('abort', stop, { once: true })
  if (run.signal.aborted) stop()
  const looking = setInterval(() => {
    hasNewTopics().then((isNew) => isNew && end(), end)
  }, DISCOVER_SECONDS * 1000)
  const remove = consumer.on(consumer.events.CRASH, ({ payload }) => end(payload.error))
  const waiting = new Map<string, number>()
  try {
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      // Tables are written in the order of their transactions; one at a time keeps it.
      partitionsConsumedConcurrently: 1,
      eachBatch: (payload) => settle(consumer, payload, waiting, mapping, run).catch(end),
    })
    await ended
  } finally {
    clearInterval(looking)
    remove()
    run.signal.removeEventListener('abort', stop)
  }
}

/** Stores a batch in portions; offsets are committed after the events of a portion are durable. */
async function settle(
  consumer: Consumer,
  { batch, heartbeat, isRunning, isStale, resolveOffset }: EachBatchPayload,
  waiting: Map<string, number>,
  mapping: OltpMapping,
  run: Run,
): Promise<void> {
  const { topic, partition, messages, highWatermark } = batch
  for (let at = 0; at < messages.length; at += run.settings.batch) {
    if (!isRunning() || isStale() || run.signal.aborted) return
    const portion = messages.slice(at, at + run.settings.batch)
    const last = portion.at(-1)
    if (!last) return
    const values = portion.map(({ value }) => ({ value: value === null ? null : value.toString('utf8'), topic }))
    const left = Number(BigInt(highWatermark) - BigInt(last.offset) - 1n)
    waiting.set(`${topic}/${partition}`, Math.max(0, left))
    const lagSeconds = left > 0 ? Math.max(0, (Date.now() - Number(last.timestamp)) / 1000) : 0
    await run.accept({
      ...eventsOfDebezium(values, mapping, run.tenant, run.logger),
      messages: portion.length,
      lagSeconds,
    })
    run.backlog([...waiting.values()].reduce((sum, count) => sum + count, 0))
    resolveOffset(last.offset)
    await consumer.commitOffsets([{ topic, partition, offset: (BigInt(last.offset) + 1n).toString() }])
    await heartbeat()
  }
}
