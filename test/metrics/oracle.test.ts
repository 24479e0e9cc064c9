import { DateTime } from 'luxon'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Tenant } from '../../db/tenant.ts'
import type { SentEvent } from '../support/member-logs.ts'
import { Oracle, type Unit } from '../support/oracle.ts'
import { openPlatform, type Platform } from '../support/platform.ts'

interface Point {
  t: string
  value: number | null
  numerator?: number
  denominator?: number
}
interface Answer {
  series: { key: Record<string, string>; points: Point[] }[]
}

/** Local days on which the clock changes, and the days around them that events are made for. */
const changes: Readonly<Record<string, readonly string[]>> = {
  'Asia/Kathmandu': ['2025-03-09', '2025-11-02'],
  'America/St_Johns': ['2025-03-09', '2025-11-02'],
  'Pacific/Apia': ['2020-09-27', '2021-04-04'],
  UTC: ['2025-03-09', '2025-11-02'],
  'Europe/Berlin': ['2025-03-30', '2025-10-26'],
  // by half an hour
  'Australia/Lord_Howe': ['2025-04-06', '2025-10-05'],
}
const MEMBERS = 9
const SECOND = 1_000
const MINUTE = 60 * SECOND

/** The same numbers in [0, 1) on every run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Bursts of actions around midnight, around the hours in which the clock changes, and anywhere else. */
function makeEvents(zone: string, around: readonly string[], seed: number): SentEvent[] {
  const random = randomNumbers(seed)
  const pick = <T>(values: readonly [T, ...T[]]): T => values[Math.floor(random() * values.length)] ?? values[0]
  const events: SentEvent[] = []
  const add = (member: number, at: number, type: string, properties: Record<string, unknown>, session?: string) =>
    events.push({
      event_id: `e${(events.length * 7_919) % 1_000_003}`,
      type,
      occurred_at: new Date(at).toISOString(),
      user_id: `member-${member}`,
      ...(session === undefined ? {} : { session_id: session }),
      properties,
    })
  for (const date of around) {
    const change = DateTime.fromISO(date, { zone })
    for (let member = 0; member < MEMBERS; member += 1) {
      for (let burst = 0; burst < 9; burst += 1) {
        const day = change.plus({ days: Math.floor(random() * 17) - 8 })
        const wall = pick([
          day.plus({ minutes: random() * 120 - 60 }),
          change.plus({ minutes: random() * 360 }),
          day.plus({ minutes: random() * 1_440 }),
        ])
        let at = Math.round(wall.toMillis())
        const session = pick([undefined, `s${burst % 3}`])
        for (let i = 0; i < 2 + random() * 5; i += 1) {
          const goal_id = pick(['g1', 'g2', 'g3'])
          const [type, properties] = pick<[string, Record<string, unknown>]>([
            ['screen_viewed', { screen: 'home' }],
            ['session_heartbeat', {}],
            ['goal_created', { goal_id }],
            ['goal_completed', { goal_id }],
            ['goal_abandoned', { goal_id }],
            ['goal_reopened', { goal_id }],
            ['profile_changed', { plan: pick(['free', 'plus']) }],
            ['message_sent', { conversation_id: 'c', sender: pick(['member', 'coach', 'ai']) }],
          ])
          add(member, at, type, properties, session)
          at += pick([0, 10 * SECOND, 299_999, 5 * MINUTE, 300_001, 29 * MINUTE, 30 * MINUTE, 1_800_001, 61 * MINUTE])
        }
      }
      // Some sign up late, some never.
      if (member % 3 > 0 && date === around[0])
        add(member, change.plus({ days: (member % 5) - 3, minutes: random() * 1_440 }).toMillis(), 'signed_up', {
          plan: 'free',
        })
    }
  }
  return events.sort(() => random() - 0.5)
}

describe('the API’s numbers equal those of an independent oracle', () => {
  let platform: Platform
  const tenants = new Map<string, { tenant: Tenant; oracle: Oracle }>()

  beforeAll(async () => {
    platform = await openPlatform()
    for (const [i, [zone, around]] of Object.entries(changes).entries()) {
      const tenant = await platform.createTenant({
        slug: `zone-${i}`,
        timezone: zone,
        settings: { retention_months: 1200 },
      })
      const events = makeEvents(zone, around, 1_000 + i)
      await platform.send(tenant, events)
      tenants.set(zone, { tenant, oracle: new Oracle(events, zone) })
    }
    await platform.settle()
  })
  afterAll(() => platform.close())

  async function series(zone: string, metric: string, unit: Unit, from: DateTime, to: DateTime, groupBy?: string) {
    const { tenant } = tenants.get(zone) ?? {}
    if (!tenant) throw new Error(`no tenant for ${zone}`)
    const query = `from=${from.toISODate()}&to=${to.toISODate()}&granularity=${unit}${groupBy ? `&group_by=${groupBy}` : ''}`
    const answer = await platform.get<Answer>(tenant, `/api/analytics/metrics/${metric}?${query}`)
    expect(answer.status, answer.text).toBe(200)
    return answer.body.series
  }

  describe.each(Object.entries(changes))('%s', (zone, around) => {
    const oracle = (): Oracle => {
      const found = tenants.get(zone)
      if (!found) throw new Error('not prepared')
      return found.oracle
    }
    const spans = around.map((date) => {
      const change = DateTime.fromISO(date, { zone })
      return { date, from: change.minus({ days: 12 }), to: change.plus({ days: 14 }) }
    })
    const points = async (metric: string, unit: Unit, { from, to }: { from: DateTime; to: DateTime }) =>
      (await series(zone, metric, unit, from, to))[0]?.points ?? []

    test('hours around the change of the clock', async () => {
      for (const date of around) {
        const day = DateTime.fromISO(date, { zone })
        const span = { from: day.minus({ days: 1 }), to: day.plus({ days: 2 }) }
        const members = await points('active_members', 'hour', span)
        // 23, 24 or 25 hours: as many as there are; a half hour of its own where the clock moved by one
        expect(members).toHaveLength(Math.ceil(span.to.diff(span.from, 'hours').hours))
        const expected = oracle().activeMembers('hour')
        expect(Object.fromEntries(members.map(({ t, value }) => [t, value]))).toEqual(
          Object.fromEntries(members.map(({ t }) => [t, expected.get(t) ?? 0])),
        )
        const minutes = oracle().activeMinutes('hour')
        for (const { t, value } of await points('active_minutes', 'hour', span))
          expect.soft(value, t).toBeCloseTo(minutes.get(t) ?? 0, 9)
        const sessions = oracle().sessionsStarted('hour')
        for (const { t, numerator, denominator } of await points('sessions_per_user', 'hour', span)) {
          expect.soft(numerator ?? 0, `sessions ${t}`).toBe(sessions.get(t) ?? 0)
          expect.soft(denominator ?? 0, `members ${t}`).toBe(expected.get(t) ?? 0)
        }
      }
    })

    test('days, weeks and months', async () => {
      for (const span of spans)
        for (const unit of ['day', 'week', 'month'] as const) {
          const members = oracle().activeMembers(unit)
          const minutes = oracle().activeMinutes(unit)
          const sessions = oracle().sessionsStarted(unit)
          for (const { t, value } of await points('active_members', unit, span))
            expect.soft(value, `members of ${unit} ${t}`).toBe(members.get(t) ?? 0)
          for (const { t, value } of await points('active_minutes', unit, span))
            expect.soft(value, `minutes of ${unit} ${t}`).toBeCloseTo(minutes.get(t) ?? 0, 9)
          for (const { t, numerator } of await points('sessions_per_user', unit, span))
            expect.soft(numerator ?? 0, `sessions of ${unit} ${t}`).toBe(sessions.get(t) ?? 0)
        }
    })

    test('trailing windows: dau, wau, mau, stickiness', async () => {
      for (const span of spans) {
        for (const [metric, days] of [
          ['dau', 1],
          ['wau', 7],
          ['mau', 30],
        ] as const)
          for (const { t, value } of await points(metric, 'day', span))
            expect.soft(value, `${metric} ${t}`).toBe(oracle().activeInWindow(t, days))
        for (const { t, value } of await points('wau', 'week', span)) {
          const sunday = DateTime.fromISO(t, { zone: 'utc' }).plus({ days: 6 }).toISODate() ?? ''
          expect.soft(value, `wau of week ${t}`).toBe(oracle().activeInWindow(sunday, 7))
        }
        for (const { t, numerator, denominator } of await points('stickiness', 'day', span)) {
          expect.soft(numerator ?? 0, `dau ${t}`).toBe(oracle().activeInWindow(t, 1))
          expect.soft(denominator ?? 0, `mau ${t}`).toBe(oracle().activeInWindow(t, 30))
        }
      }
    })

    test('goals open, opened and completed', async () => {
      for (const span of spans)
        for (const unit of ['day', 'week', 'month'] as const)
          for (const { t, numerator, denominator } of await points('goal_completion_rate', unit, span)) {
            const { completed, active } = oracle().goals(t, unit)
            expect.soft(numerator ?? 0, `completed in ${unit} ${t}`).toBe(completed)
            expect.soft(denominator ?? 0, `active in ${unit} ${t}`).toBe(active)
          }
    })

    test('retention: day 1, day 7, week n', async () => {
      for (const span of spans)
        for (const unit of ['day', 'week', 'month'] as const) {
          for (const [metric, day] of [
            ['d1_retention', 1],
            ['d7_retention', 7],
          ] as const)
            for (const { t, numerator, denominator } of await points(metric, unit, span)) {
              const { size, retained } = oracle().retention(t, unit, day)
              expect
                .soft({ size: denominator ?? 0, retained: numerator ?? 0 }, `${metric} of ${unit} ${t}`)
                .toEqual({ size, retained })
            }
          if (unit === 'day') continue
          for (const { key, points: cells } of await series(zone, 'week_n_retention', unit, span.from, span.to, 'week'))
            for (const { t, numerator, denominator } of cells) {
              const n = Number(key.week)
              const { size, retained } = oracle().retention(t, unit, 7 * n, 7 * n + 6)
              expect
                .soft({ size: denominator ?? 0, retained: numerator ?? 0 }, `week ${n} of ${t}`)
                .toEqual({ size, retained })
            }
        }
    })

    test('heat map by wall clock', async () => {
      const { tenant } = tenants.get(zone) ?? {}
      if (!tenant) throw new Error('not prepared')
      const [first] = spans
      const last = spans.at(-1)
      const answer = await platform.get<{ cells: { weekday: number; hour: number; sessions: number }[] }>(
        tenant,
        `/api/analytics/engagement/heatmap?from=${first?.from.toISODate()}&to=${last?.to.toISODate()}`,
      )
      expect(answer.status, answer.text).toBe(200)
      const expected = oracle().heatmap()
      for (const { weekday, hour, sessions } of answer.body.cells)
        expect.soft(sessions, `weekday ${weekday}, ${hour} h`).toBe(expected.get(`${weekday} ${hour}`) ?? 0)
      expect(answer.body.cells.reduce((sum, cell) => sum + cell.sessions, 0)).toBe(oracle().sessions().length)
    })
  })
})
