import { describe, expect, test } from 'vitest'
import type { RawEvent } from '../../../sources/envelope.ts'
import { parseEvent } from '../../../sources/parse-event.ts'
import { deliveryBody } from '../../../sources/simulator/deliveries.ts'
import { createTwin } from '../../../sources/simulator/twin.ts'

const options = { seed: 11, members: 25, days: 120, endDate: '2026-05-15' }
const twin = createTwin(options)
const original = new Map(twin.events.map((event) => [event.event_id, event]))

/** What the platform should make of a delivery's event: the sender's clock corrected. */
function corrected(event: RawEvent, skew: number): RawEvent {
  return { ...event, occurred_at: new Date(Date.parse(event.occurred_at) - skew).toISOString() }
}

describe('createTwin', () => {
  test('gives the same twin for the same options, and another for another seed', () => {
    expect(JSON.stringify(createTwin(options))).toBe(JSON.stringify(twin))
    expect(createTwin({ ...options, seed: 12 }).events).not.toEqual(twin.events)
  })

  test('tells every event once, in order, inside its days, and all of them are valid', () => {
    expect(original.size).toBe(twin.events.length)
    let before = ''
    for (const event of twin.events) {
      expect(event.occurred_at >= before).toBe(true)
      before = event.occurred_at
      expect(parseEvent(event)).toMatchObject({ ok: true, event: { occurred_at: event.occurred_at } })
    }
    expect(twin.events[0]?.occurred_at.slice(0, 10)).toBe(twin.truth.days[0]?.day)
    expect(before < '2026-05-15T22:00:00.000Z').toBe(true)
  })

  test('uses the whole catalogue except what only other clients send', () => {
    expect(new Set(twin.events.map((event) => event.type)).size).toBeGreaterThanOrEqual(24)
  })

  test('delivers exactly its events once duplicates are removed and clocks corrected', () => {
    const seen = new Map<string, RawEvent>()
    for (const delivery of twin.deliveries) {
      for (const event of delivery.events) {
        const time = corrected(event, delivery.skew_ms)
        expect(time).toEqual(original.get(event.event_id))
        seen.set(event.event_id, time)
      }
    }
    expect(seen.size).toBe(original.size)
  })

  test('delivers as a bad network does: twice, late, out of order, from wrong clocks', () => {
    const arrived = twin.deliveries.flatMap((d) => d.events.map((event) => Date.parse(event.occurred_at) - d.skew_ms))
    expect(arrived.length).toBeGreaterThan(original.size)
    let newest = 0
    let latest = 0
    for (const at of arrived) {
      newest = Math.max(newest, at)
      latest = Math.max(latest, newest - at)
    }
    expect(latest).toBeGreaterThan(3 * 86_400_000)
    expect(twin.deliveries.some((d) => d.repeated)).toBe(true)
    expect(twin.deliveries.some((d) => d.skew_ms < 0) && twin.deliveries.some((d) => d.skew_ms > 0)).toBe(true)
    expect(Math.max(...twin.deliveries.map((d) => d.events.length))).toBeLessThanOrEqual(500)
  })

  test('delivers each event once and in order when nothing is to go wrong', () => {
    const calm = createTwin({ ...options, duplicates: 0, late: 0, skewed: 0 })
    expect(calm.deliveries.flatMap((d) => d.events)).toHaveLength(calm.events.length)
    expect(calm.deliveries.every((d) => d.skew_ms === 0 && !d.repeated)).toBe(true)
    expect(calm.truth).toEqual(twin.truth)
  })

  test('says when it was sent only from a wrong clock, by that clock', () => {
    const now = Date.parse('2026-05-20T10:00:00Z')
    for (const delivery of twin.deliveries) {
      const body = deliveryBody(delivery, now)
      const skew = body.sent_at === undefined ? 0 : Date.parse(body.sent_at) - now
      expect(skew).toBe(delivery.skew_ms)
      if (skew !== 0) expect(Math.abs(skew)).toBeGreaterThan(5 * 60_000)
    }
  })

  describe('of those who will leave', () => {
    const big = createTwin({ seed: 3, members: 80, days: 300, endDate: '2026-05-15' })
    const cause = new Map(big.truth.churned.map((churn) => [churn.user_id, churn]))
    const dayOf = (text: string): number => Date.parse(text) / 86_400_000
    /** Share of the rows that are good, before and during the decline of members with that cause. */
    function shares(
      name: string,
      rows: readonly { user_id: string; day: string; good: boolean }[],
    ): [before: number, during: number] {
      const counts = { before: { good: 0, all: 0 }, during: { good: 0, all: 0 } }
      for (const { user_id, day, good } of rows) {
        const churn = cause.get(user_id)
        if (churn === undefined || !churn.causes.some((c) => c === name) || dayOf(day) >= churn.silent) continue
        const count = dayOf(day) < churn.declines ? counts.before : counts.during
        count.all += 1
        if (good) count.good += 1
      }
      expect(counts.before.all * counts.during.all).toBeGreaterThan(0)
      return [counts.before.good / counts.before.all, counts.during.good / counts.during.all]
    }

    test('each is silent from the planted day on', () => {
      expect(cause.size).toBeGreaterThan(10)
      for (const [user, churn] of cause) {
        const activity = big.truth.activity.find((a) => a.user_id === user)
        expect(activity?.days.every((day) => dayOf(day) < churn.silent)).toBe(true)
      }
    })

    test('some check their habits less before they go', () => {
      const due = big.truth.habit_days.filter((habit) => habit.expected === 1)
      const [before, during] = shares(
        'fewer_checks',
        due.map((habit) => ({ ...habit, good: habit.done === 1 })),
      )
      expect(during).toBeLessThan(before / 2)
    })

    test('some ignore nudges before they go', () => {
      const [before, during] = shares(
        'ignored_nudges',
        big.truth.nudges.map((nudge) => ({ ...nudge, good: nudge.direct })),
      )
      expect(before).toBeGreaterThan(0.05)
      expect(during).toBeLessThan(before / 4)
    })

    test('some wait for answers before they go', () => {
      const chat = big.events
        .filter((event) => event.type === 'message_sent')
        .map((event) => ({ ...event, at: Date.parse(event.occurred_at), day: event.occurred_at.slice(0, 10) }))
      const answers = chat.filter((message) => message.properties?.sender === 'coach')
      const asked = chat.filter((message) => message.properties?.sender === 'member' && cause.has(message.user_id))
      const rows = asked.map(({ user_id, day, at }) => ({
        user_id,
        day,
        good: answers.some((answer) => answer.user_id === user_id && answer.at > at && answer.at < at + 86_400_000),
      }))
      const [before, during] = shares('unanswered_messages', rows)
      expect(before).toBeGreaterThan(0.8)
      expect(during).toBeLessThan(0.5)
    })
  })

  test('plants an effect of each persona', () => {
    const big = createTwin({ seed: 5, members: 80, days: 300, endDate: '2026-05-15' })
    const followed = (persona: string): number => {
      const nudges = big.truth.nudges.filter((nudge) => nudge.persona === persona && nudge.matured)
      return nudges.filter((nudge) => nudge.followed).length / nudges.length
    }
    expect(followed('mentor')).toBeGreaterThan(followed('analyst'))
    expect(followed('analyst')).toBeGreaterThan(followed('drill_sergeant'))
  })

  test('makes a year of 60 members in seconds', () => {
    const started = performance.now()
    expect(createTwin({ seed: 1, endDate: '2026-05-15' }).events.length).toBeGreaterThan(40_000)
    expect(performance.now() - started).toBeLessThan(10_000)
  })

  test.each([
    ['no members', { members: 0 }],
    ['half a day', { days: 0.5 }],
    ['a share above one', { late: 1.5 }],
    ['an end that is no day', { endDate: 'today' }],
    ['an unknown zone', { timezone: 'Mars/Base' }],
  ])('refuses %s', (_what, wrong) => {
    expect(() => createTwin({ ...options, ...wrong })).toThrow(RangeError)
  })
})

describe('the subscriptions of the twin', () => {
  test('follow each other without overlap and begin with a trial', () => {
    const bySubscription = new Map<string, (typeof twin.subscriptions)[number][]>()
    for (const period of twin.subscriptions) {
      bySubscription.set(period.subscription_id, [...(bySubscription.get(period.subscription_id) ?? []), period])
    }
    for (const [id, periods] of bySubscription) {
      if (id.endsWith('-1')) expect(periods[0]?.status).toBe('trialing')
      periods.forEach((period, index) => {
        expect(period.monthly_amount === 0).toBe(period.status === 'trialing')
        if (period.end !== null) expect(period.end > period.start).toBe(true)
        const next = periods[index + 1]
        if (next) expect(next.start).toBe(period.end)
      })
    }
  })
})
