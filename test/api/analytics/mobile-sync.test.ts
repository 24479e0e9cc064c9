import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { devicesWithGaps } from '../../../db/device-sequence.ts'
import { sourceStatus } from '../../../db/sources/runners.ts'
import type { Tenant } from '../../../db/tenant.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'

const URL = '/api/analytics/events'
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

interface SyncAnswer {
  readonly accepted: number
  readonly duplicates: number
  readonly rejected: number
  readonly device?: { received_up_to: number; missing: { from: number; to: number }[] }
}
interface Stored {
  readonly event_id: string
  readonly at: string
}

let platform: Platform
beforeAll(async () => {
  platform = await openPlatform()
})
afterAll(() => platform.close())

let slugs = 0
const freshTenant = () => platform.createTenant({ slug: `sync-${++slugs}` })
const storedOf = async (tenant: Tenant): Promise<Stored[]> =>
  (
    await platform.db.pool.query<Stored>(
      'select event_id, occurred_at as at from analytics.events where tenant_id = $1 order by event_id',
      [tenant.id],
    )
  ).rows

/** An app that was offline: it stamps events with its own clock, which shows `skew` more than the true time. */
class Device {
  readonly id: string
  readonly events: { sequence: number; event_id: string; trueAt: number; skew: number; sent: object }[] = []
  constructor(id: string) {
    this.id = id
  }

  record(trueAt: number, skew: number): void {
    const sequence = this.events.length + 1
    const sent = {
      event_id: `${this.id}-${sequence}`,
      sequence,
      type: 'habit_checked',
      occurred_at: new Date(trueAt + skew).toISOString(),
      user_id: `member-of-${this.id}`,
      source: 'ios',
      properties: { habit_id: 'h' },
    }
    this.events.push({ sequence, event_id: sent.event_id, trueAt, skew, sent })
  }

  /** Events `from`–`to`, as deliveries: one for each clock that stamped them, with what that clock shows now. */
  deliveries(from: number, to: number): (() => object)[] {
    const chosen = this.events.filter(({ sequence }) => sequence >= from && sequence <= to)
    return [...new Set(chosen.map(({ skew }) => skew))].map((skew) => () => ({
      device_id: this.id,
      sent_at: new Date(Date.now() + skew).toISOString(),
      events: chosen.filter((event) => event.skew === skew).map(({ sent }) => sent),
    }))
  }
}

async function deliver(tenant: Tenant, body: object): Promise<SyncAnswer> {
  const answer = await platform.post(tenant, URL, body)
  expect(answer.status, answer.text).toBe(200)
  return answer.body as SyncAnswer
}

function expectRight(stored: readonly Stored[], devices: readonly Device[]): void {
  const expected = devices.flatMap(({ events }) => events)
  expect(stored.map(({ event_id }) => event_id).sort()).toEqual(expected.map(({ event_id }) => event_id).sort())
  const at = new Map(stored.map((row) => [row.event_id, Date.parse(row.at)]))
  for (const { event_id, trueAt, skew } of expected) {
    // Transit counts as clock error; a clock that is off by less than five minutes is believed.
    const off = Math.abs((at.get(event_id) ?? 0) - trueAt)
    expect(off, event_id).toBeLessThan(Math.abs(skew) < 5 * MINUTE ? Math.abs(skew) + SECOND : 20 * SECOND)
  }
}

/** A repeatable random number below `most`. */
function random(seed: number): (most: number) => number {
  let state = seed + 0x9e3779b9
  return (most) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5
    return ((state ^ (state >>> 13)) >>> 0) % most
  }
}

describe('events of apps that were offline', () => {
  test('three weeks late, with a clock wrong by hours: each event counts once, when it happened', async () => {
    const tenant = await freshTenant()
    const device = new Device('phone')
    const began = Date.now() - 21 * DAY
    for (let i = 0; i < 300; i += 1) device.record(began + i * 100 * MINUTE, -7 * HOUR)
    const [first] = device.deliveries(1, 300)
    const answer = await deliver(tenant, first?.() ?? {})
    expect(answer).toMatchObject({
      accepted: 300,
      duplicates: 0,
      rejected: 0,
      device: { received_up_to: 300, missing: [] },
    })
    // The answer was lost; the app sends the same again over a slower line, and then once more with its clock put right.
    const slower = { ...first?.(), sent_at: new Date(Date.now() - 7 * HOUR - 9 * SECOND).toISOString() }
    expect(await deliver(tenant, slower)).toMatchObject({ accepted: 0, duplicates: 300 })
    const events = device.events.map(({ sent }) => sent)
    const righted = { device_id: 'phone', sent_at: new Date().toISOString(), events }
    expect(await deliver(tenant, righted)).toMatchObject({ accepted: 0, duplicates: 300, rejected: 0 })
    expectRight(await storedOf(tenant), [device])
  })

  test('the clock is put right, or put wrong, while the app is offline: one delivery per clock', async () => {
    const tenant = await freshTenant()
    const device = new Device('traveller')
    const began = Date.now() - 10 * DAY
    for (let i = 0; i < 30; i += 1) device.record(began + i * HOUR, i < 10 ? 9 * HOUR : i < 20 ? 0 : -26 * HOUR)
    for (const body of device.deliveries(1, 30)) await deliver(tenant, body())
    expectRight(await storedOf(tenant), [device])
  })

  test('reordered, repeated and overlapping deliveries, some at the same time: nothing lost, nothing doubled', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1e6 }), async (seed) => {
        const pick = random(seed)
        const tenant = await freshTenant()
        const devices = ['a', 'b', 'c'].map((name) => new Device(`${name}-${seed}`))
        for (const device of devices) {
          const skews = [0, (pick(24) - 12) * HOUR, pick(4) * MINUTE]
          const count = 20 + pick(60)
          for (let i = 0; i < count; i += 1)
            device.record(Date.now() - 21 * DAY + i * 2 * HOUR, skews[Math.floor((3 * i) / count)] ?? 0)
        }
        // Every event is in at least one delivery; further ones overlap at random.
        const queue = devices.flatMap((device) => {
          const whole = Array.from({ length: Math.ceil(device.events.length / 15) }, (_, i) =>
            device.deliveries(i * 15 + 1, i * 15 + 15),
          )
          const more = Array.from({ length: 4 }, () => {
            const from = 1 + pick(device.events.length)
            return device.deliveries(from, from + pick(30))
          })
          return [...whole, ...more].flat()
        })
        const shuffled = queue
          .map((body) => ({ body, order: pick(1e6) }))
          .sort((x, y) => x.order - y.order)
          .map(({ body }) => body)
        const twice = [...shuffled, ...shuffled.filter(() => pick(3) === 0)]
        let accepted = 0
        while (twice.length > 0) {
          const together = twice.splice(0, 1 + pick(4))
          const answers = await Promise.all(together.map((body) => deliver(tenant, body())))
          accepted += answers.reduce((sum, answer) => sum + answer.accepted, 0)
          expect(answers.reduce((sum, answer) => sum + answer.rejected, 0)).toBe(0)
        }
        const stored = await storedOf(tenant)
        expect(accepted).toBe(stored.length)
        expectRight(stored, devices)
        for (const device of devices) {
          const [body] = device.deliveries(1, 1)
          expect((await deliver(tenant, body?.() ?? {})).device).toEqual({
            received_up_to: device.events.length,
            missing: [],
          })
        }
      }),
      { numRuns: 4, seed: 20261123 },
    )
  })

  test('a gap in the numbers is told to the device and to operations, until it is filled', async () => {
    const tenant = await freshTenant()
    const device = new Device('gappy')
    for (let i = 0; i < 40; i += 1) device.record(Date.now() - DAY + i * MINUTE, 0)
    const send = async (from: number, to: number) =>
      (await deliver(tenant, device.deliveries(from, to)[0]?.() ?? {})).device
    expect(await send(11, 20)).toEqual({ received_up_to: 0, missing: [{ from: 1, to: 10 }] })
    expect(await send(1, 3)).toEqual({ received_up_to: 3, missing: [{ from: 4, to: 10 }] })
    expect(await send(31, 40)).toEqual({
      received_up_to: 3,
      missing: [
        { from: 4, to: 10 },
        { from: 21, to: 30 },
      ],
    })
    const gaps = async () => (await devicesWithGaps(platform.db.pool)).find((found) => found.tenant === tenant.slug)
    expect(await gaps()).toEqual({ tenant: tenant.slug, devices: 1 })
    expect(await send(4, 10)).toEqual({ received_up_to: 20, missing: [{ from: 21, to: 30 }] })
    expect(await send(18, 33)).toEqual({ received_up_to: 40, missing: [] })
    expect(await gaps()).toBeUndefined()
    const status = (await sourceStatus(platform.db.pool)).find((found) => found.tenant === tenant.slug)
    expect(status).toMatchObject({ source: 'mobile_sync', processed: 46, accepted: 40, duplicates: 6, failed: 0 })
  })

  test('events that are refused have arrived: they are in the quarantine and not asked for again', async () => {
    const tenant = await freshTenant()
    const device = new Device('half')
    for (let i = 0; i < 3; i += 1) device.record(Date.now() - HOUR, 0)
    const body = device.deliveries(1, 3)[0]?.() as { events: Record<string, unknown>[] }
    body.events[1] = { ...body.events[1], type: 'no_such_type' }
    expect(await deliver(tenant, body)).toMatchObject({
      accepted: 2,
      rejected: 1,
      device: { received_up_to: 3, missing: [] },
    })
  })

  test('numbers are per tenant and device; NDJSON names the device in its first line; without numbers nothing is said', async () => {
    const [tenant, other] = [await freshTenant(), await freshTenant()]
    const device = new Device('shared')
    for (let i = 0; i < 3; i += 1) device.record(Date.now() - HOUR, 0)
    const events = device.events.slice(1).map(({ sent }) => sent)
    const lines = [{ device_id: 'shared', sent_at: new Date().toISOString() }, ...events]
    const ndjson = lines.map((line) => JSON.stringify(line)).join('\n')
    const answer = await platform.post(tenant, URL, ndjson, 'service', { 'content-type': 'application/x-ndjson' })
    expect(answer.body).toMatchObject({ accepted: 2, device: { received_up_to: 0, missing: [{ from: 1, to: 1 }] } })
    expect((await deliver(other, device.deliveries(1, 1)[0]?.() ?? {})).device?.received_up_to).toBe(1)
    const bare = { device_id: 'shared', events: [{ ...device.events[0]?.sent, sequence: undefined }] }
    expect(await deliver(tenant, bare)).not.toHaveProperty('device')
    for (const sequence of [0, -1, 1.5, '7', 2 ** 60])
      expect(await deliver(tenant, { ...bare, events: [{ ...device.events[0]?.sent, sequence }] })).not.toHaveProperty(
        'device',
      )
  })

  test.each(['', 'ada@example.com', 7, 'null', 'x'.repeat(129)])('%j is no device id', async (device_id) => {
    const tenant = await freshTenant()
    const answer = await platform.post(tenant, URL, { device_id, events: [] })
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    expect(answer.text).not.toContain('ada@')
  })

  test('what a device can make the platform remember is bounded', async () => {
    const tenant = await freshTenant()
    for (let part = 0; part < 2; part += 1) {
      const events = Array.from({ length: 1500 }, (_, i) => ({ event_id: 'same', sequence: 2 * (part * 1500 + i) + 2 }))
      await deliver(tenant, { device_id: 'hostile', events })
    }
    const { rows } = await platform.db.pool.query<{ ranges: number; highest: number }>(
      `select (select count(*) from unnest(received)) as ranges, upper(received) - 1 as highest
       from analytics.device_sequences where tenant_id = $1`,
      [tenant.id],
    )
    expect(rows).toEqual([{ ranges: 1000, highest: 6000 }])
  })
})
