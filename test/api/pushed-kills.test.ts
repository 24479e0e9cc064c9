import { setTimeout as wait } from 'node:timers/promises'
import Stripe from 'stripe'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadSecrets } from '../../api/security/secrets.ts'
import { faults } from '../../bench/chaos/faults.ts'
import { type System, startSystem } from '../../bench/chaos/system.ts'
import { mintToken } from '../../cli/mint-token.ts'
import { loadConfig } from '../../config.ts'
import { writeSecret } from '../../db/secrets.ts'
import { createTenant } from '../../db/tenant.ts'
import { Random } from '../../sources/simulator/random.ts'
import { eventually } from '../support/eventually.ts'
import { KILLS, KILLS_TIMEOUT } from '../workers/sources/kills.ts'

const SECRET = 'whsec_test_current'
const SEED = Number(process.env.SOURCE_SEED ?? 20_261_123)
const HOUR = 3_600_000

interface Device {
  readonly id: string
  /** How far its clock is ahead. */
  readonly skew: number
  readonly events: { readonly sequence: number; readonly event_id: string; readonly occurred_at: string }[]
}

/** Sends until it is answered with 200, as a phone or a provider does. */
async function insist(url: string, request: () => { body: string; headers: Record<string, string> }): Promise<unknown> {
  const deadline = Date.now() + 90_000
  for (;;) {
    try {
      const { body, headers } = request()
      const response = await fetch(url, { method: 'POST', body, headers, signal: AbortSignal.timeout(10_000) })
      const text = await response.text()
      if (response.status === 200) return JSON.parse(text)
      if (response.status < 500 && response.status !== 429) throw new Error(`refused: ${response.status} ${text}`)
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('refused')) throw error
    }
    if (Date.now() > deadline) throw new Error('the API did not come back')
    await wait(100)
  }
}

describe('what hands over by itself', () => {
  let system: System
  beforeAll(async () => {
    system = await startSystem({})
  })
  afterAll(() => system?.close())

  test(`phones' deliveries and Stripe's webhooks: the platform is killed ${KILLS} times: after each, everything counts once`, {
    timeout: KILLS_TIMEOUT,
  }, async () => {
    const config = loadConfig({ DATA_DIR: system.dataDir })
    const tenant = await createTenant(system.pool, { slug: 'pushed', timezone: 'UTC', currency: 'USD' })
    await writeSecret(system.pool, (await loadSecrets(config)).masterKey, tenant.id, 'stripe_webhook_secret', SECRET)
    const who = { tenantId: tenant.id, role: 'service', subject: 'sync', ttlSeconds: 86_400 } as const
    const authorization = `Bearer ${await mintToken(config, who)}`
    const random = new Random(SEED)
    const possible = faults.filter((fault) => /kill|cut/.test(fault.name) && fault.unavailable(system) === undefined)
    const devices = [0, -7 * HOUR, 3 * HOUR].map((skew, i): Device => ({ id: `phone-${i}`, skew, events: [] }))
    const charges: string[] = []
    const done: Record<string, number> = {}

    const deliver = (device: Device, from: number, to: number) => {
      const chosen = device.events.filter(({ sequence }) => sequence >= from && sequence <= to)
      return insist(`${system.url}/api/analytics/events`, () => ({
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({
          device_id: device.id,
          sent_at: new Date(Date.now() + device.skew).toISOString(),
          events: chosen.map((event) => ({ ...event, type: 'session_heartbeat', user_id: `m-${device.id}` })),
        }),
      }))
    }
    const charge = (id: string) =>
      insist(`${system.url}/webhooks/stripe/${tenant.id}`, () => {
        const payload = JSON.stringify({
          id,
          object: 'event',
          type: 'customer.created',
          created: 1_790_000_000,
          data: { object: { id: `cus_${id}`, object: 'customer' } },
        })
        const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret: SECRET })
        return { body: payload, headers: { 'content-type': 'application/json', 'stripe-signature': signature } }
      })
    /** New events of every device in deliveries of any order, some of them twice, and webhooks in between. */
    const traffic = () => {
      const sends = devices.flatMap((device) => {
        const first = device.events.length + 1
        for (let left = random.int(5, 25); left > 0; left -= 1) {
          const sequence = device.events.length + 1
          const at = Date.now() - 21 * 24 * HOUR + sequence * 61_000 + device.skew
          device.events.push({
            sequence,
            event_id: `${device.id}-${sequence}`,
            occurred_at: new Date(at).toISOString(),
          })
        }
        const middle = random.int(first, device.events.length)
        const parts: [number, number][] = [
          [middle, device.events.length],
          [first, middle],
          [random.int(1, first), device.events.length],
        ]
        return parts.map(
          ([from, to]) =>
            () =>
              deliver(device, from, to),
        )
      })
      const news = Array.from({ length: random.int(2, 8) }, (_, i) => `evt_${charges.length + i + 1}`)
      charges.push(...news)
      const hooks = [...news, random.pick([news[0] ?? '', ...charges])].map((id) => () => charge(id))
      const shuffled = [...sends, ...hooks].map((send) => ({ send, order: random.int(0, 1e6) }))
      return Promise.all(shuffled.sort((a, b) => a.order - b.order).map(async ({ send }, i) => wait(i * 15).then(send)))
    }
    const inStep = async () => {
      const { rows } = await system.pool.query<{ event_id: string; n: number }>(
        'select event_id, count(*)::integer as n from analytics.events where tenant_id = $1 group by 1',
        [tenant.id],
      )
      expect(rows.filter(({ n }) => n > 1)).toEqual([])
      const known = devices.flatMap(({ events }) => events.map(({ event_id }) => event_id))
      expect(rows.map(({ event_id }) => event_id).sort()).toEqual(known.sort())
      const hooks = await system.pool.query<{ event_id: string }>(
        'select event_id from analytics.revenue_webhooks where tenant_id = $1',
        [tenant.id],
      )
      expect(hooks.rows.map(({ event_id }) => event_id).sort()).toEqual([...charges].sort())
    }

    for (let run = 0; run < KILLS; run += 1) {
      const fault = random.pick(possible as [(typeof possible)[number], ...typeof possible])
      const sending = traffic()
      await wait(random.int(0, 400))
      await Promise.all([sending, fault.strike(system, random)])
      await system.recover()
      done[fault.name] = (done[fault.name] ?? 0) + 1
      await eventually(inStep, 60_000).catch((cause: unknown) => {
        throw new Error(`seed ${SEED}, run ${run + 1}, ${fault.name}: what is stored differs`, { cause })
      })
      for (const device of devices)
        expect(await deliver(device, 1, 1)).toMatchObject({
          accepted: 0,
          device: { received_up_to: device.events.length, missing: [] },
        })
    }
    if (process.env.SOURCE_KILLS) console.info(`pushed: ${KILLS} kills, seed ${SEED}: ${JSON.stringify(done)}`)
  })
})
