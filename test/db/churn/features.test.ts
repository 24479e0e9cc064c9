import { DateTime } from 'luxon'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FactsRow, readFacts } from '../../../db/churn/features.ts'
import { daysBetween } from '../../../db/churn/score.ts'
import type { Tenant } from '../../../db/tenant.ts'
import { busyTenant } from '../../support/busy-tenant.ts'
import type { SentEvent } from '../../support/member-logs.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'

/** The log ends where the clock of this zone has just changed. */
const timezone = 'America/St_Johns'
const end = Date.parse('2025-11-20T12:00:00Z')
const cutoff = '2025-11-02'
const DAY = 86_400_000

const localDay = (instant: string): string => DateTime.fromISO(instant, { zone: timezone }).toISODate() ?? ''
/** Came once, and answers no nudge. */
const quiet: SentEvent[] = [
  ['2025-10-20', 'session_started', {}],
  ['2025-10-28', 'nudge_sent', { nudge_id: 'q-1', persona: 'calm-x' }],
  ['2025-10-30', 'nudge_sent', { nudge_id: 'q-2', persona: 'calm-x' }],
  ['2025-11-02', 'nudge_sent', { nudge_id: 'q-3', persona: 'calm-x' }],
].map(([date, type, properties], i) => ({
  event_id: `quiet-${i}`,
  type: type as string,
  occurred_at: `${date}T15:00:00.000Z`,
  user_id: 'quiet',
  properties: properties as Record<string, unknown>,
}))
const events = [...busyTenant({ end, mark: 'x', members: 12 }), ...quiet]

/** Changes everything after the cutoff: some of it never happens, some happens to others, some is new and looks back. */
function otherFuture(all: readonly SentEvent[]): SentEvent[] {
  const past = all.filter(({ occurred_at }) => localDay(occurred_at) <= cutoff)
  const future = all.filter(({ occurred_at }) => localDay(occurred_at) > cutoff)
  const kept = future
    .filter((_, i) => i % 3 === 0)
    .map((event, i) => ({
      ...event,
      occurred_at: new Date(Date.parse(event.occurred_at) + (i % 5) * DAY).toISOString(),
    }))
  const after = (days: number): string => new Date(Date.parse(`${cutoff}T20:00:00Z`) + days * DAY).toISOString()
  const added: SentEvent[] = Array.from({ length: 12 }, (_, m) =>
    [
      // a check for a day before the cutoff, made after it
      { type: 'habit_checked', properties: { habit_id: 'habit-1', for_date: '2025-10-30' } },
      // an answer to whoever waited at the cutoff
      { type: 'message_sent', properties: { conversation_id: `chat-${m}`, sender: 'coach', length: 3 } },
      { type: 'signed_up', properties: { plan: 'late', coach_id: 'coach-9' } },
      { type: 'session_started', properties: {} },
    ].map((event, i) => ({ ...event, event_id: `new-${m}-${i}`, user_id: `member-${m}`, occurred_at: after(2 + i) })),
  ).flat()
  return [...past, ...kept, ...added]
}

let platform: Platform
let one: Tenant
let other: Tenant
beforeAll(async () => {
  platform = await openPlatform()
  one = await platform.createTenant({ slug: 'one', timezone, settings: { retention_months: 600 } })
  other = await platform.createTenant({ slug: 'other', timezone, settings: { retention_months: 600 } })
  await platform.send(one, events)
  await platform.send(other, otherFuture(events))
  await platform.settle()
}, 240_000)
afterAll(() => platform.close())

const factsOf = (tenant: Tenant, days: readonly string[]) =>
  readFacts(platform.db.pool, { tenantId: tenant.id, days, knownDay: localDay(new Date(end).toISOString()) })

/** What is a feature: the outcome is about the future, the cohort about signing up. */
const known = ({ churned: _, cohort_week: _w, cohort_month: _m, ...facts }: FactsRow) => facts

/** The same facts by plain loops over the events. */
function expected(day: string, userId: string) {
  const mine = events.filter(({ user_id, occurred_at }) => user_id === userId && localDay(occurred_at) <= day)
  const isAction = ({ type, properties }: SentEvent): boolean =>
    !['nudge_sent', 'profile_changed'].includes(type) && !(type === 'message_sent' && properties?.sender !== 'member')
  const days = [...new Set(mine.filter(isAction).map(({ occurred_at }) => localDay(occurred_at)))].sort()
  const ago = (from: string): number => Math.round((Date.parse(day) - Date.parse(from)) / DAY)
  const checks = (least: number, most: number): number =>
    new Set(
      mine
        .filter(
          ({ type, occurred_at }) =>
            type === 'habit_checked' && ago(localDay(occurred_at)) >= least && ago(localDay(occurred_at)) < most,
        )
        .map(({ occurred_at, properties }) => `${localDay(occurred_at)} ${properties?.habit_id}`),
    ).size
  const messages = mine
    .filter(({ type, properties }) => type === 'message_sent' && properties?.sender !== 'ai')
    .sort((a, b) => (a.occurred_at < b.occurred_at ? -1 : 1))
  const first = days[0] ?? ''
  const last = days.at(-1) ?? ''
  return {
    last_day: last,
    days_since: ago(last),
    active_days: days.length,
    active_span: Math.round((Date.parse(last) - Date.parse(first)) / DAY),
    recent_days: days.filter((active) => ago(active) < 14).length,
    earlier_days: days.filter((active) => ago(active) >= 14 && ago(active) < 42).length,
    tenure_days: ago(first),
    recent_checks: checks(0, 14),
    earlier_checks: checks(14, 42),
    unanswered: messages.at(-1)?.properties?.sender === 'member' ? 1 : 0,
  }
}

describe('the facts behind a score', () => {
  test('are what plain loops over the events count, on every day across the change of the clock', async () => {
    const days = daysBetween('2025-10-26', '2025-11-08')
    const rows = await factsOf(one, days)
    expect(new Set(rows.map(({ day }) => day)).size).toBe(days.length)
    for (const row of rows) expect(row, `${row.user_id} ${row.day}`).toMatchObject(expected(row.day, row.user_id))
  })

  test('of a day are the same whatever happens after it: no future leaks', async () => {
    const here = await factsOf(one, [cutoff])
    const there = await factsOf(other, [cutoff])
    expect(here.length).toBe(13)
    expect(there.map(known)).toEqual(here.map(known))
    expect(here.some(({ unanswered }) => unanswered > 0)).toBe(true)
    // the third nudge's 24 hours are not over
    expect(here.find(({ user_id }) => user_id === 'quiet')?.ignored_nudges).toBe(2)
  })

  test('of several days read together are those read one by one, and the same again', async () => {
    const days = ['2025-10-20', cutoff, '2025-11-10']
    const together = await factsOf(one, days)
    const single = [
      ...(await factsOf(one, days.slice(0, 1))),
      ...(await factsOf(one, days.slice(1, 2))),
      ...(await factsOf(one, days.slice(2))),
    ]
    expect(together).toEqual(single)
    expect(await factsOf(one, days)).toEqual(together)
  })

  test('an outcome is known once its 30 days are over, and is silence in all of them', async () => {
    const rows = await readFacts(platform.db.pool, {
      tenantId: one.id,
      days: ['2025-10-05', cutoff],
      knownDay: '2025-11-04',
    })
    expect(rows.filter(({ day }) => day === '2025-10-05').every(({ churned }) => churned === false)).toBe(true)
    expect(rows.filter(({ day }) => day === cutoff).every(({ churned }) => churned === null)).toBe(true)
    const later = await readFacts(platform.db.pool, { tenantId: one.id, days: ['2025-11-19'], knownDay: '2025-12-31' })
    expect(later.length).toBe(12)
    expect(later.every(({ churned }) => churned === true)).toBe(true)
  })
})
