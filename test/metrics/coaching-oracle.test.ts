import { DateTime } from 'luxon'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Tenant } from '../../db/tenant.ts'
import { Random } from '../../sources/simulator/random.ts'
import { CoachingOracle } from '../support/coaching-oracle.ts'
import type { SentEvent } from '../support/member-logs.ts'
import type { Unit } from '../support/oracle.ts'
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

/** Local days on which the clock changes (Apia's last two, Kathmandu and UTC for comparison). */
const changes: Readonly<Record<string, readonly string[]>> = {
  'Asia/Kathmandu': ['2025-03-09', '2025-11-02'],
  'America/St_Johns': ['2025-03-09', '2025-11-02'],
  'Pacific/Apia': ['2020-09-27', '2021-04-04'],
  UTC: ['2025-03-09', '2025-11-02'],
}
const MEMBERS = 5
const REACH = 12
const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Habits, nudges and chats of a few members around each change of the clock, shuffled. */
function makeEvents(zone: string, around: readonly string[], seed: number): SentEvent[] {
  const random = new Random(seed)
  const events: SentEvent[] = []
  const add = (member: number, at: number, type: string, properties: Record<string, unknown>) =>
    events.push({
      event_id: `e${(events.length * 7_919) % 1_000_003}`,
      type,
      occurred_at: new Date(at).toISOString(),
      user_id: `member-${member}`,
      properties,
    })
  const schedule = () =>
    random.chance(0.6)
      ? {
          kind: 'weekdays',
          days: [1, 2, 3, 4, 5, 6, 7].filter((day, i) => i === member0 || random.chance(0.6) || day < 2),
        }
      : { kind: 'times_per_week', times: random.int(1, 7) }
  let member0 = 0
  for (const date of around) {
    const change = DateTime.fromISO(date, { zone })
    /** Around midnight, around the hours in which the clock changes, or anywhere on a day near the change. */
    const moment = (): number => {
      const day = change.plus({ days: random.int(-REACH, REACH) })
      return Math.round(
        random
          .pick([
            day.plus({ minutes: random.between(-60, 60) }),
            change.plus({ minutes: random.between(0, 360) }),
            day.plus({ minutes: random.between(0, 1_440) }),
          ])
          .toMillis(),
      )
    }
    for (let member = 0; member < MEMBERS; member += 1) {
      member0 = member
      for (const habit_id of ['h1', 'h2'].slice(0, 1 + (member % 2))) {
        const start = change.minus({ days: REACH + 1 }).toMillis() + random.int(0, 2 * DAY)
        add(member, start, 'habit_created', { habit_id, schedule: schedule() })
        if (random.chance(0.5)) add(member, moment(), 'habit_changed', { habit_id, schedule: schedule() })
        add(member, change.plus({ days: REACH - 1 }).toMillis() + random.int(0, 2 * DAY), 'habit_ended', { habit_id })
        for (let i = -REACH; i <= REACH; i += 1) {
          const day = change.plus({ days: i })
          const at = day.plus({ minutes: random.between(-30, 1_470) }).toMillis()
          const forDate = random.chance(0.2) ? { for_date: day.minus({ days: random.int(-1, 2) }).toISODate() } : {}
          // long runs and gaps, so that streaks grow and break
          if (random.chance(i % 9 < 7 ? 0.9 : 0.2))
            add(member, Math.round(at), 'habit_checked', { habit_id, ...forDate })
          else if (random.chance(0.3)) add(member, Math.round(at), 'habit_skipped', { habit_id, ...forDate })
        }
      }
      for (let i = 0; i < 9; i += 1) {
        // ids come again: a nudge counts from its first delivery
        const nudge_id = `${date}-${random.int(0, 6)}`
        const at = moment()
        add(member, at, 'nudge_sent', { nudge_id, persona: random.pick(['calm', 'drill']) })
        const later = at + random.pick([0, 1, 3 * HOUR, DAY - 1, DAY, DAY + 1, 2 * DAY])
        if (random.chance(0.4)) add(member, later, random.pick(['nudge_opened', 'nudge_acted']), { nudge_id })
        if (random.chance(0.3)) add(member, later, 'session_started', {})
        if (random.chance(0.2)) add(member, later, 'goal_progressed', { goal_id: 'g1' })
      }
      for (let i = 0; i < 14; i += 1) {
        let at = moment()
        const conversation_id = random.pick(['c1', 'c2'])
        for (const sender of random.pick([
          ['member', 'coach'],
          ['member', 'member', 'ai', 'coach', 'coach'],
          ['member', 'ai'],
          ['coach', 'member'],
          ['member', 'coach', 'member'],
        ])) {
          add(member, at, 'message_sent', { conversation_id, sender })
          at += random.pick([0, 40 * SECOND, 5 * MINUTE, 3 * HOUR, DAY - 1, DAY, DAY + 1, 3 * DAY])
        }
      }
    }
  }
  return events
    .map((event) => ({ event, key: random.next() }))
    .sort((a, b) => a.key - b.key)
    .map(({ event }) => event)
}

describe('habits, nudges and replies equal those of an independent oracle', () => {
  let platform: Platform
  const tenants = new Map<string, { tenant: Tenant; oracle: CoachingOracle }>()

  beforeAll(async () => {
    platform = await openPlatform()
    for (const [i, [zone, around]] of Object.entries(changes).entries()) {
      const tenant = await platform.createTenant({
        slug: `zone-${i}`,
        timezone: zone,
        settings: { retention_months: 1200 },
      })
      const events = makeEvents(zone, around, 4_000 + i)
      // in several deliveries with folds between them, in no order
      for (let part = 0; part < 3; part += 1) {
        await platform.send(
          tenant,
          events.filter((_, n) => n % 3 === part),
        )
        if (part < 2) await platform.settle()
      }
      tenants.set(zone, { tenant, oracle: new CoachingOracle(events, zone) })
    }
    await platform.settle()
  }, 240_000)
  afterAll(() => platform.close())

  describe.each(Object.entries(changes))('%s', (zone, around) => {
    const prepared = () => {
      const found = tenants.get(zone)
      if (!found) throw new Error('not prepared')
      return found
    }
    const spans = around.map((date) => {
      const change = DateTime.fromISO(date, { zone })
      return { from: change.minus({ days: REACH + 3 }), to: change.plus({ days: REACH + 6 }) }
    })
    type Span = (typeof spans)[number]
    const points = async (metric: string, unit: Unit, { from, to }: Span, more = ''): Promise<Point[]> => {
      const query = `from=${from.toISODate()}&to=${to.toISODate()}&granularity=${unit}${more}`
      const answer = await platform.get<Answer>(prepared().tenant, `/api/analytics/metrics/${metric}?${query}`)
      expect(answer.status, answer.text).toBe(200)
      return answer.body.series[0]?.points ?? []
    }
    const daysOf = (t: string, unit: Unit): string[] => {
      const start = DateTime.fromISO(t, { zone: 'utc' })
      const end = start.plus({ [unit]: 1 })
      const days: string[] = []
      for (let d = start; d < end; d = d.plus({ days: 1 })) days.push(d.toISODate() ?? '')
      return days
    }

    test('habit adherence, completion and streaks', async () => {
      const { oracle } = prepared()
      let compared = 0
      for (const span of spans) {
        const first = spans[0]?.from.toISODate() ?? ''
        const known = new Map<string, ReturnType<typeof oracle.habits>>()
        const on = (day: string) => {
          const sums = known.get(day) ?? oracle.habits(day, first)
          known.set(day, sums)
          return sums
        }
        for (const unit of ['day', 'week', 'month'] as const)
          for (const [metric, above, below] of [
            ['habit_adherence_score', 'score', 'members'],
            ['average_streak_days', 'streak', 'members'],
            ['habit_completion_rate', 'done', 'expected'],
          ] as const)
            for (const { t, numerator, denominator } of await points(metric, unit, span)) {
              const days = daysOf(t, unit).map(on)
              const total = (key: typeof above | typeof below) => days.reduce((sum, day) => sum + day[key], 0)
              expect.soft(numerator ?? 0, `${above} of ${unit} ${t}`).toBeCloseTo(total(above), 8)
              expect.soft(denominator ?? 0, `${below} of ${unit} ${t}`).toBeCloseTo(total(below), 8)
              if (total(above) > 0) compared += 1
            }
      }
      expect(compared).toBeGreaterThan(100)
    })

    test('nudges: followed, direct, influenced, by hour, day, week, month and persona', async () => {
      const { oracle, tenant } = prepared()
      const shares = [
        ['ai_nudge_effectiveness', ({ followed }: { followed: boolean }) => followed],
        ['ai_nudge_direct_share', ({ direct }: { direct: boolean }) => direct],
        [
          'ai_nudge_influenced_share',
          (nudge: { followed: boolean; direct: boolean }) => nudge.followed && !nudge.direct,
        ],
      ] as const
      let compared = 0
      for (const span of spans) {
        for (const [metric, holds] of shares) {
          for (const unit of ['hour', 'day', 'week', 'month'] as const) {
            const expected = oracle.nudgeShare(unit, holds)
            for (const { t, numerator, denominator } of await points(metric, unit, span)) {
              const found = { numerator: numerator ?? 0, denominator: denominator ?? 0 }
              expect
                .soft(found, `${metric} of ${unit} ${t}`)
                .toEqual(expected.get(t) ?? { numerator: 0, denominator: 0 })
              compared += found.denominator
            }
          }
        }
        const query = `from=${span.from.toISODate()}&to=${span.to.toISODate()}`
        const { body } = await platform.get<{
          total: { delivered: number; effectiveness: number; baseline: number; lift: number }
          personas: { persona: string; delivered: number; effectiveness: number; direct: number; influenced: number }[]
        }>(tenant, `/api/analytics/ai/nudges?${query}`)
        const inSpan = ([day]: [string, unknown]) =>
          day >= (span.from.toISODate() ?? '') && day < (span.to.toISODate() ?? '')
        const pooled = (sums: Map<string, { numerator: number; denominator: number }>) =>
          [...sums]
            .filter(inSpan)
            .reduce(
              (a, [, b]) => ({ numerator: a.numerator + b.numerator, denominator: a.denominator + b.denominator }),
              { numerator: 0, denominator: 0 },
            )
        for (const { persona, delivered, ...rates } of body.personas)
          for (const [name, holds] of [
            ['effectiveness', shares[0][1]],
            ['direct', shares[1][1]],
            ['influenced', shares[2][1]],
          ] as const) {
            const { numerator, denominator } = pooled(oracle.nudgeShare('day', holds, persona))
            expect.soft(delivered, persona).toBe(denominator)
            expect.soft(rates[name], `${persona} ${name}`).toBeCloseTo(numerator / denominator, 12)
          }
        expect(body.personas.map(({ persona }) => persona)).toEqual(['calm', 'drill'])
        const free = { numerator: 0, denominator: 0 }
        for (let day = span.from; day < span.to; day = day.plus({ days: 1 })) {
          const { numerator, denominator } = oracle.baseline(day.toISODate() ?? '')
          free.numerator += numerator
          free.denominator += denominator
        }
        const all = pooled(oracle.nudgeShare('day', shares[0][1]))
        expect(body.total.baseline).toBeCloseTo(free.numerator / free.denominator, 12)
        expect(body.total.lift).toBeCloseTo(
          all.numerator / all.denominator / (free.numerator / free.denominator) - 1,
          10,
        )
      }
      expect(compared).toBeGreaterThan(100)
    })

    test('the baseline and the lift of every day', async () => {
      const { oracle } = prepared()
      for (const span of spans) {
        const effectiveness = oracle.nudgeShare('day', ({ followed }) => followed)
        const lifts = new Map((await points('ai_nudge_lift', 'day', span)).map(({ t, value }) => [t, value]))
        for (const { t, numerator, denominator } of await points('ai_nudge_baseline', 'day', span)) {
          const expected = oracle.baseline(t)
          expect.soft({ numerator: numerator ?? 0, denominator: denominator ?? 0 }, t).toEqual(expected)
          const nudged = effectiveness.get(t)
          const rate = expected.numerator / expected.denominator
          if (nudged && rate > 0)
            expect.soft(lifts.get(t), `lift ${t}`).toBeCloseTo(nudged.numerator / nudged.denominator / rate - 1, 10)
          else expect.soft(lifts.get(t) ?? null, `lift ${t}`).toBeNull()
        }
      }
    })

    test('response times, the SLA and who waits', async () => {
      const { oracle, tenant } = prepared()
      for (const span of spans) {
        for (const unit of ['hour', 'day', 'week', 'month'] as const) {
          const responses = oracle.responses(unit)
          for (const { t, numerator, denominator } of await points('within_sla_share', unit, span)) {
            const times = responses.get(t) ?? []
            expect.soft(denominator ?? 0, `replies of ${unit} ${t}`).toBe(times.length)
            expect.soft(numerator ?? 0, `in time in ${unit} ${t}`).toBe(times.filter((s) => s <= 24 * 3_600).length)
          }
          for (const [metric, p] of [
            ['message_response_time', 0.5],
            ['message_response_time_p90', 0.9],
            ['message_response_time_p95', 0.95],
          ] as const)
            for (const { t, value } of await points(metric, unit, span)) {
              const times = responses.get(t) ?? []
              if (times.length === 0) {
                expect.soft(value, `${metric} ${t}`).toBeNull()
                continue
              }
              // the sketch is within 1 % of an observed value at that rank
              const low = times[Math.max(0, Math.floor(p * times.length) - 1)] ?? 0
              const high = times[Math.min(times.length - 1, Math.ceil(p * times.length))] ?? 0
              expect.soft(value ?? -1, `${metric} of ${unit} ${t}`).toBeGreaterThanOrEqual(low * 0.99 - 1e-9)
              expect.soft(value ?? -1, `${metric} of ${unit} ${t}`).toBeLessThanOrEqual(high * 1.01 + 1e-9)
            }
        }
        for (const unit of ['day', 'week', 'month'] as const)
          for (const { t, value } of await points('unanswered_over_sla', unit, span))
            expect
              .soft(value, `waiting at the end of ${unit} ${t}`)
              .toBe(oracle.unanswered(daysOf(t, unit).at(-1) ?? ''))
        const query = `from=${span.from.toISODate()}&to=${span.to.toISODate()}`
        const { body } = await platform.get<{
          replies: number
          seconds: { p50: number; p95: number }
          waiting: number
          waiting_over_sla: number
        }>(tenant, `/api/analytics/engagement/response-times?${query}`)
        const times = [...oracle.responses('day')]
          .filter(([day]) => day >= (span.from.toISODate() ?? '') && day < (span.to.toISODate() ?? ''))
          .flatMap(([, seconds]) => seconds)
          .sort((a, b) => a - b)
        expect(body.replies).toBe(times.length)
        for (const [name, p] of [
          ['p50', 0.5],
          ['p95', 0.95],
        ] as const) {
          const rank = p * (times.length - 1)
          const low = times[Math.floor(rank)] ?? 0
          const exact = low + ((times[Math.ceil(rank)] ?? 0) - low) * (rank - Math.floor(rank))
          expect(body.seconds[name]).toBeCloseTo(exact, 6)
        }
        expect(body).toMatchObject({ waiting: oracle.waiting(), waiting_over_sla: oracle.waiting() })
      }
    })
  })
})
