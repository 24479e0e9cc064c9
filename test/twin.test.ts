import { DateTime } from 'luxon'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Tenant } from '../db/tenant.ts'
import { deliveryBody } from '../sources/simulator/deliveries.ts'
import { createTwin } from '../sources/simulator/twin.ts'
import { openPlatform, type Platform } from './support/platform.ts'

type Point = { t: string; value: number | null; numerator?: number; denominator?: number }
type SeriesAnswer = { series: { key: Record<string, string>; points: Point[] }[] }

const timezone = 'America/St_Johns'
const days = 75
// Ends a week ago: every nudge's 24 hours are over, and the days after it are quiet.
const endDate = DateTime.now().setZone(timezone).minus({ days: 7 })
const twin = createTwin({
  seed: 20260301,
  members: 14,
  coaches: 3,
  days,
  endDate: endDate.toISODate() ?? '',
  timezone,
  duplicates: 0.05,
  late: 0.1,
  skewed: 0.05,
})
const { truth } = twin
const from = truth.days[0]?.day ?? ''
const to = endDate.plus({ days: 1 }).toISODate() ?? ''

let platform: Platform
let tenant: Tenant
beforeAll(async () => {
  platform = await openPlatform()
  tenant = await platform.createTenant({ slug: 'twin', timezone })
  let sent = 0
  for (const delivery of twin.deliveries) {
    const { events, sent_at } = deliveryBody(delivery, Date.now())
    await platform.send(tenant, events, sent_at)
    // Ledgers move while the rest is still on its way, as they do in production.
    if (++sent % 25 === 0) await platform.settle()
  }
  await platform.settle()
}, 400_000)
afterAll(() => platform.close())

async function read(metric: string, query = ''): Promise<Map<string, Point>> {
  const path = `/api/analytics/metrics/${metric}?from=${from}&to=${to}&granularity=day${query}`
  const { status, body } = await platform.get<SeriesAnswer>(tenant, path)
  expect(status, path).toBe(200)
  return new Map(body.series[0]?.points.map((point) => [point.t, point]))
}

describe('the platform says what the twin knows', () => {
  test('every delivered event is stored once', async () => {
    const { rows } = await platform.db.pool.query<{ n: number }>('select count(*) as n from analytics.events')
    expect(rows[0]?.n).toBe(twin.events.length)
  })

  for (const metric of ['dau', 'wau', 'mau'] as const)
    test(metric, async () => {
      const points = await read(metric)
      for (const row of truth.days) expect(points.get(row.day)?.value, row.day).toBe(row[metric])
    })

  test('stickiness', async () => {
    const points = await read('stickiness')
    for (const row of truth.days)
      expect(points.get(row.day)?.value, row.day).toBe(row.mau === 0 ? null : row.dau / row.mau)
  })

  test('sessions per active member', async () => {
    const points = await read('sessions_per_user')
    for (const row of truth.days) {
      const point = points.get(row.day)
      expect(point?.value, row.day).toBe(row.dau === 0 ? null : row.sessions / row.dau)
    }
  })

  test('active minutes, but for the milliseconds that a clock correction cannot know', async () => {
    const points = await read('active_minutes')
    for (const row of truth.days)
      expect((points.get(row.day)?.value ?? 0) * 60, row.day).toBeCloseTo(row.active_seconds, -0.3)
  })

  test('goals: active, completed and their rate', async () => {
    const rate = await read('goal_completion_rate')
    const active = await read('active_goals')
    let openAtStart = 0
    for (const row of truth.days) {
      const expected = openAtStart + row.goals_created + row.goals_reopened
      expect(active.get(row.day)?.value, row.day).toBe(expected)
      expect(rate.get(row.day)?.value, row.day).toBe(expected === 0 ? null : row.goals_completed / expected)
      openAtStart = row.goals_open
    }
  })

  test('retention of every signup cohort', async () => {
    for (const unit of ['day', 'week'] as const) {
      const path = `/api/analytics/cohorts?from=${from}&to=${to}&cohort=week&unit=${unit}&units=${unit === 'day' ? 30 : 10}`
      const { body } = await platform.get<{
        cohorts: { cohort: string; size: number; cells: { n: number; retained: number | null }[] }[]
      }>(tenant, path)
      const found = new Map(body.cohorts.map((cohort) => [cohort.cohort, cohort]))
      for (const cohort of truth.cohorts.week) {
        expect(found.get(cohort.cohort)?.size, cohort.cohort).toBe(cohort.size)
        for (const cell of unit === 'day' ? cohort.days : cohort.weeks) {
          // What was not over at the twin's end may be by now; later days are silent, so the count is the twin's.
          if (!cell.complete) continue
          const retained = found.get(cohort.cohort)?.cells.find(({ n }) => n === cell.n)?.retained
          expect(retained, `${cohort.cohort} ${unit} ${cell.n}`).toBe(cell.retained)
        }
      }
    }
  })

  test('heat map', async () => {
    const { body } = await platform.get<{ cells: { weekday: number; hour: number; sessions: number }[] }>(
      tenant,
      `/api/analytics/engagement/heatmap?from=${from}&to=${to}`,
    )
    for (const { weekday, hour, sessions } of body.cells)
      expect(sessions, `${weekday} ${hour}`).toBe(truth.heatmap[weekday - 1]?.[hour])
  })

  test('nudges by day and persona', async () => {
    const effectiveness = await read('ai_nudge_effectiveness')
    const direct = await read('ai_nudge_direct_share')
    for (const row of truth.days) {
      expect(effectiveness.get(row.day)?.denominator ?? 0, row.day).toBe(row.nudges_sent)
      expect(effectiveness.get(row.day)?.numerator ?? 0, row.day).toBe(row.nudges_followed)
      expect(direct.get(row.day)?.numerator ?? 0, row.day).toBe(row.nudges_direct)
    }
    const { body } = await platform.get<{ personas: { persona: string; delivered: number; effectiveness: number }[] }>(
      tenant,
      `/api/analytics/ai/nudges?from=${from}&to=${to}`,
    )
    for (const { persona, delivered, effectiveness: rate } of body.personas) {
      const sent = truth.nudges.filter((nudge) => nudge.persona === persona)
      expect(delivered).toBe(sent.length)
      expect(rate).toBeCloseTo(sent.filter((nudge) => nudge.followed).length / sent.length, 12)
    }
    expect(body.personas.length).toBe(new Set(truth.nudges.map((nudge) => nudge.persona)).size)
  })

  test('AI session satisfaction', async () => {
    const points = await read('ai_session_satisfaction')
    for (const row of truth.days)
      expect(points.get(row.day)?.value ?? null, row.day).toBe(row.ratings === 0 ? null : row.rating_sum / row.ratings)
  })

  test('response times: exact over the range, and who waits', async () => {
    const { body } = await platform.get<{ replies: number; waiting: number; seconds: { p50: number } }>(
      tenant,
      `/api/analytics/engagement/response-times?from=${from}&to=${to}`,
    )
    const sorted = truth.replies.map((reply) => reply.response_seconds).sort((a, b) => a - b)
    const middle = (sorted.length - 1) / 2
    const median = ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2
    expect(body.replies).toBe(sorted.length)
    expect(body.seconds.p50).toBeCloseTo(median, 3)
    expect(body.waiting).toBe(truth.waiting.length)
    const sketch = await platform.get<SeriesAnswer>(
      tenant,
      `/api/analytics/metrics/message_response_time?from=${from}&to=${to}&granularity=month`,
    )
    for (const { value } of sketch.body.series[0]?.points ?? []) if (value !== null) expect(value).toBeGreaterThan(0)
  })

  test('habit completion and adherence', async () => {
    const completion = await read('habit_completion_rate')
    const score = await read('habit_adherence_score')
    const streaks = await read('average_streak_days')
    for (const [day, expected] of habitTruth()) {
      expect(completion.get(day)?.numerator ?? 0, day).toBeCloseTo(expected.done, 9)
      expect(completion.get(day)?.denominator ?? 0, day).toBeCloseTo(expected.expected, 9)
      expect(streaks.get(day)?.numerator ?? 0, day).toBeCloseTo(expected.streak, 9)
      expect(score.get(day)?.numerator ?? 0, day).toBeCloseTo(expected.score, 8)
      expect(score.get(day)?.denominator ?? 0, day).toBe(expected.members)
    }
  })

  test('sending everything once more changes nothing', async () => {
    const before = await platform.get(tenant, `/api/analytics/engagement?from=${from}&to=${to}&granularity=day`)
    for (const delivery of twin.deliveries) {
      // with clocks that say something else by now
      const { events, sent_at } = deliveryBody(delivery, Date.now())
      expect(await platform.send(tenant, events, sent_at)).toEqual({
        accepted: 0,
        duplicates: events.length,
        rejected: 0,
      })
    }
    await platform.settle()
    const after = await platform.get(tenant, `/api/analytics/engagement?from=${from}&to=${to}&granularity=day`)
    const series = (answer: { body: unknown }) =>
      (answer.body as { metrics: { series: unknown }[] }).metrics.map((m) => m.series)
    expect(series(after)).toEqual(series(before))
  })
})

type HabitSums = { expected: number; done: number; streak: number; score: number; members: number }

/** The definitions of the habit metrics in plain loops over the twin's own habit-days. */
function habitTruth(): Map<string, HabitSums> {
  type Day = (typeof truth.habit_days)[number]
  const habits = new Map<string, Day[]>()
  for (const row of truth.habit_days) habits.set(row.habit_id, [...(habits.get(row.habit_id) ?? []), row])
  const expectedOf = (row: Day): number =>
    row.skipped && row.done === 0 ? 0 : row.expected === null ? (row.times_per_week ?? 0) / 7 : row.expected
  const members = new Map<string, Map<string, { expected: number; done: number; streaks: number[] }>>()
  for (const rows of habits.values()) {
    rows.sort((a, b) => a.index - b.index)
    let streak = 0
    for (const row of rows) {
      const window = rows.filter(({ index }) => index > row.index - 7 && index <= row.index)
      const expected = window.reduce((sum, r) => sum + expectedOf(r), 0)
      const free = window.filter((r) => r.expected === null)
      const freeDone = free.filter((r) => r.done === 1).length
      const freeExpected = free.reduce((sum, r) => sum + expectedOf(r), 0)
      const done =
        window.filter((r) => r.expected !== null).reduce((sum, r) => sum + Math.min(r.done, r.expected ?? 0), 0) +
        Math.min(freeDone, freeExpected)
      // Days of the window on which weekdays were chosen do not raise the target of "n times a week".
      const kept = row.expected === null ? freeDone >= freeExpected - 1e-9 : row.done === 1
      const due = row.expected === null ? !(row.skipped && row.done === 0) : row.expected === 1
      if (due) streak = kept ? streak + 1 : 0
      const byDay = members.get(row.user_id) ?? new Map()
      members.set(row.user_id, byDay)
      const sums = byDay.get(row.day) ?? { expected: 0, done: 0, streaks: [] }
      byDay.set(row.day, {
        expected: sums.expected + expected,
        done: sums.done + done,
        streaks: [...sums.streaks, streak],
      })
    }
  }
  const totals = new Map<string, HabitSums>()
  for (const byDay of members.values())
    for (const [day, { expected, done, streaks }] of byDay) {
      if (expected === 0) continue
      const streak = streaks.reduce((a, b) => a + b, 0) / streaks.length
      const total = totals.get(day) ?? { expected: 0, done: 0, streak: 0, score: 0, members: 0 }
      totals.set(day, {
        expected: total.expected + expected,
        done: total.done + done,
        streak: total.streak + streak,
        score: total.score + 100 * (0.8 * (done / expected) + 0.2 * (1 - 0.5 ** (streak / 7))),
        members: total.members + 1,
      })
    }
  return totals
}
