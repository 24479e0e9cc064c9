import { describe, expect, test } from 'vitest'
import { parseEvent } from '../../../sources/parse-event.ts'
import { createTwin } from '../../../sources/simulator/twin.ts'

/**
 * The truth comes from the simulator's own notes. Here it is worked out a second time, from the events alone and in
 * another way, with Intl for the local day: both must agree, in zones with and without DST and off the whole hour.
 */
const zones = ['Europe/Berlin', 'America/St_Johns', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'UTC']

describe.each(zones)('in %s the truth of a twin', (timezone) => {
  const twin = createTwin({ seed: 21, members: 12, days: 200, endDate: '2026-04-20', timezone })
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short' })
  const events = twin.events.map((raw) => {
    const result = parseEvent(raw)
    if (!result.ok) throw new Error(JSON.stringify(result.errors))
    return { ...result.event, at: Date.parse(raw.occurred_at), day: format.format(new Date(raw.occurred_at)) }
  })
  const actions = events.filter((event) => event.is_action)
  const byMember = new Map<string, typeof actions>()
  for (const action of actions) {
    const own = byMember.get(action.user_id)
    if (own === undefined) byMember.set(action.user_id, [action])
    else own.push(action)
  }
  const totals = (of: keyof (typeof twin.truth.days)[number]) =>
    Object.fromEntries(twin.truth.days.map((row) => [row.day, row[of]]))
  const perDay = (values: Iterable<[day: string, amount: number]>) => {
    const sums: Record<string, number> = Object.fromEntries(twin.truth.days.map((row) => [row.day, 0]))
    for (const [day, amount] of values) sums[day] = (sums[day] ?? 0) + amount
    return sums
  }
  const ones = (rows: readonly { day: string }[]) => perDay(rows.map((row) => [row.day, 1]))

  test('covers its days without gap', () => {
    expect(twin.truth.days).toHaveLength(200)
    expect(twin.truth.days.at(-1)?.day).toBe('2026-04-20')
    expect(new Set(events.map((event) => event.day)).size).toBeLessThanOrEqual(200)
  })

  test('has the active members of 1, 7 and 30 days', () => {
    const users = new Map<string, Set<string>>()
    for (const { day, user_id } of actions) users.set(day, (users.get(day) ?? new Set()).add(user_id))
    const trailing = (width: number) => {
      return Object.fromEntries(
        twin.truth.days.map(({ day }, index) => {
          const window = twin.truth.days.slice(Math.max(0, index - width + 1), index + 1)
          return [day, new Set(window.flatMap((row) => [...(users.get(row.day) ?? [])])).size]
        }),
      )
    }
    expect(totals('dau')).toEqual(trailing(1))
    expect(totals('wau')).toEqual(trailing(7))
    expect(totals('mau')).toEqual(trailing(30))
    expect(totals('actions')).toEqual(ones(actions))
  })

  test('has the sessions and active seconds, by session id or else by pauses of half an hour', () => {
    const last = new Map<string, { at: number; day: string }>()
    const starts: { day: string }[] = []
    const gaps: [string, number][] = []
    for (const action of actions) {
      const key = `${action.user_id}/${action.session_id}`
      const before = last.get(key)
      if (before === undefined || action.at - before.at > 1_800_000) starts.push(action)
      else if (action.at - before.at <= 300_000) gaps.push([before.day, (action.at - before.at) / 1000])
      last.set(key, action)
    }
    expect(totals('sessions')).toEqual(ones(starts))
    expect(twin.truth.heatmap.flat().reduce((sum, n) => sum + n, 0)).toBe(starts.length)
    const seconds = perDay(gaps)
    for (const row of twin.truth.days) expect(row.active_seconds).toBeCloseTo(seconds[row.day] ?? 0, 3)
  })

  test('has the goals, whatever is said twice', () => {
    const open = new Map<string, boolean>()
    const changes: { day: string; change: string }[] = []
    for (const event of events) {
      const change = /^goal_(created|completed|abandoned|reopened)$/.exec(event.type)?.[1]
      if (change === undefined || event.subject_id === null) continue
      const opens = change === 'created' || change === 'reopened'
      if (open.get(event.subject_id) === opens) continue
      open.set(event.subject_id, opens)
      changes.push({ day: event.day, change })
    }
    for (const change of ['created', 'completed', 'abandoned', 'reopened'] as const) {
      expect(totals(`goals_${change}`)).toEqual(ones(changes.filter((row) => row.change === change)))
    }
    expect(twin.truth.days.at(-1)?.goals_open).toBe([...open.values()].filter(Boolean).length)
  })

  test('has the retention of its cohorts', () => {
    const joined = new Map(events.filter((e) => e.type === 'signed_up').map((e) => [e.user_id, e.day]))
    const active = new Set(actions.map((event) => `${event.user_id}/${event.day}`))
    const plus = (day: string, n: number) => new Date(Date.parse(day) + n * 86_400_000).toISOString().slice(0, 10)
    for (const cohort of [...twin.truth.cohorts.week, ...twin.truth.cohorts.month]) {
      const members = [...joined].filter(([, day]) => day >= cohort.first_day && day <= cohort.last_day)
      expect(cohort.size).toBe(members.length)
      for (const { n, retained, complete } of cohort.days) {
        expect(retained).toBe(members.filter(([id, day]) => active.has(`${id}/${plus(day, n)}`)).length)
        expect(complete).toBe(plus(cohort.last_day, n) <= '2026-04-20')
      }
      for (const { n, retained, complete } of cohort.weeks) {
        const week = [0, 1, 2, 3, 4, 5, 6].map((k) => 7 * n + k)
        expect(retained).toBe(
          members.filter(([id, day]) => week.some((k) => active.has(`${id}/${plus(day, k)}`))).length,
        )
        expect(complete).toBe(plus(cohort.last_day, 7 * n + 6) <= '2026-04-20')
      }
    }
    expect(totals('signups')).toEqual(ones([...joined.values()].map((day) => ({ day }))))
  })

  test('has the answers of coaches, the nudges that worked and the ratings', () => {
    const waiting = new Map<string, number>()
    const replies: { day: string; seconds: number }[] = []
    for (const { type, user_id, properties, at, day } of events) {
      if (type !== 'message_sent' || String(properties.conversation_id).startsWith('ai-')) continue
      const since = waiting.get(user_id)
      if (properties.sender === 'member') waiting.set(user_id, since ?? at)
      else if (properties.sender === 'coach' && since !== undefined) {
        replies.push({ day, seconds: (at - since) / 1000 })
        waiting.delete(user_id)
      }
    }
    expect(twin.truth.replies.map((reply) => reply.response_seconds)).toEqual(replies.map((reply) => reply.seconds))
    expect(totals('replies')).toEqual(ones(replies))
    expect(twin.truth.waiting).toHaveLength(waiting.size)

    const engaging = new Set(['session_started', 'habit_checked', 'goal_progressed', 'message_sent'])
    const nudges = events.filter((event) => event.type === 'nudge_sent')
    const answered = (nudge: (typeof events)[number], matches: (event: (typeof events)[number]) => boolean) =>
      byMember.get(nudge.user_id)?.some((a) => a.at > nudge.at && a.at <= nudge.at + 86_400_000 && matches(a))
    expect(totals('nudges_sent')).toEqual(ones(nudges))
    expect(totals('nudges_followed')).toEqual(ones(nudges.filter((n) => answered(n, (a) => engaging.has(a.type)))))
    expect(totals('nudges_direct')).toEqual(
      ones(nudges.filter((n) => answered(n, (a) => a.type.startsWith('nudge_') && a.subject_id === n.subject_id))),
    )

    const ratings = events.filter((event) => event.type === 'ai_session_rated')
    expect(totals('ratings')).toEqual(ones(ratings))
    expect(totals('rating_sum')).toEqual(perDay(ratings.map((event) => [event.day, Number(event.properties.rating)])))
  })

  test('has the habit days: expected, done, skipped', () => {
    type Schedule = { kind: string; days?: number[] }
    const rows: [string, number][] = []
    const done: [string, number][] = []
    const habits = new Set(events.filter((event) => event.type === 'habit_created').map((event) => event.subject_id))
    for (const habit of habits) {
      const own = events.filter((event) => event.subject_id === habit)
      const days = (type: string) =>
        new Set(
          own
            .filter((e) => e.type === type)
            .map((e) => (typeof e.properties.for_date === 'string' ? e.properties.for_date : e.day)),
        )
      const checked = days('habit_checked')
      const skipped = days('habit_skipped')
      for (const { day } of twin.truth.days) {
        const last = own.filter((e) => /^habit_(created|changed|ended)$/.test(e.type) && e.day <= day).at(-1)
        const schedule = last?.properties.schedule as Schedule | undefined
        if (schedule?.kind !== 'weekdays') continue
        const weekday = new Date(day).getUTCDay() || 7
        if (!schedule.days?.includes(weekday) || skipped.has(day)) continue
        rows.push([day, 1])
        if (checked.has(day)) done.push([day, 1])
      }
    }
    expect(totals('habits_expected')).toEqual(perDay(rows))
    expect(totals('habits_done')).toEqual(perDay(done))
  })
})
