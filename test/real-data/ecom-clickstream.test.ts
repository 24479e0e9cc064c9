import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tenant } from '../../db/tenant.ts'
import { openPlatform, type Platform } from '../support/platform.ts'
import {
  type Action,
  absent,
  byPeriod,
  dayN,
  idOf,
  isPresent,
  keepOld,
  readCohorts,
  readCsv,
  readJson,
  readSeries,
  sendShuffled,
  sum,
  withoutZeros,
} from './support.ts'

type Counts = Record<string, number>
interface DayN {
  readonly eligible: number
  readonly retained: number
  readonly rate: number
}
interface Sessions {
  readonly sessions: number
  readonly sessions_per_user_mean: number
  readonly 'total_session_seconds(last-first)': number
}
interface Expected {
  readonly rows: number
  readonly users: number
  readonly sessions_given: number
  readonly given_sessions_total_seconds: number
  readonly max_ts: string
  readonly duplicate_rows: number
  readonly Dn_exact_day: Record<string, DayN>
  readonly Dn_on_or_after: Record<string, DayN>
  readonly weekly_monday_cohorts: Record<string, number[]>
  readonly dau: Counts
  readonly wau_monday: Counts
  readonly mau: Counts
  readonly rolling7_wau: Counts
  readonly sessions_gap_gt_30min: Sessions
  readonly sessions_gap_gt_15min: Sessions
  readonly sessions_gap_gt_5min: Sessions
}

const present = isPresent('ecom_clickstream')
const from = '2024-01-01'
const to = '2024-07-01'

/** The rows as events whose id is made of the row: exact duplicates have the same one. */
function readActions(given: 'with session ids' | 'without session ids'): Action[] {
  const rows = readCsv<Record<'user_id' | 'session_id' | 'event' | 'timestamp', string>>(
    'ecom_clickstream',
    'ecom.csv.gz',
  )
  return rows
    .map((row) => ({
      event_id: idOf(row),
      type: 'action',
      occurred_at: `${row.timestamp.replace(' ', 'T')}Z`,
      user_id: row.user_id,
      ...(given === 'with session ids' ? { session_id: row.session_id } : {}),
      properties: { name: row.event },
    }))
    .sort((a, b) => a.occurred_at.localeCompare(b.occurred_at))
}

describe.skipIf(!present)(`the e-commerce clickstream${present ? '' : `, ${absent}`}`, () => {
  const expected = present ? readJson<Expected>('ecom_clickstream', 'expected.json') : ({} as Expected)
  let platform: Platform
  /** Given session ids, sent in order. */
  let given: Tenant
  /** No session ids, gap of 30 minutes, sent shuffled in batches of random sizes with folds in between. */
  let shuffled: Tenant
  let gap15: Tenant
  let gap5: Tenant

  beforeAll(async () => {
    platform = await openPlatform()
    const create = (slug: string, settings = {}) =>
      platform.createTenant({ slug, settings: { ...keepOld, ...settings } })
    given = await create('given')
    shuffled = await create('shuffled')
    gap15 = await create('gap-15', { session_gap_minutes: 15 })
    gap5 = await create('gap-5', { session_gap_minutes: 5 })
    const bare = readActions('without session ids')
    const totals = [
      await platform.send(given, readActions('with session ids')),
      await sendShuffled(platform, shuffled, bare, { seed: 20_240_101, largest: 2_000, settles: 3 }),
      await platform.send(gap15, bare),
      await platform.send(gap5, bare),
    ]
    const { rows, duplicate_rows: duplicates } = expected
    for (const total of totals) expect(total).toEqual({ accepted: rows - duplicates, duplicates, rejected: 0 })
    await platform.settle()
  }, 600_000)
  afterAll(() => platform?.close())

  const orders = [
    { order: 'in order', tenant: () => given },
    { order: 'shuffled', tenant: () => shuffled },
  ]
  describe.each(orders)('sent $order', ({ tenant }) => {
    it('has the D1, D7 and D30 retention of the oracle, on the day and on or after it', async () => {
      const lastDay = expected.max_ts.slice(0, 10)
      const parameters = 'cohort=day&unit=day&units=30'
      const classic = await readCohorts(platform, tenant(), `${parameters}&mode=classic`, from, to)
      const rolling = await readCohorts(platform, tenant(), `${parameters}&mode=rolling`, from, to)
      for (const n of [1, 7, 30]) {
        const exact = dayN(classic, n, lastDay)
        const after = dayN(rolling, n, lastDay)
        expect({ ...exact, rate: toSix(exact.retained / exact.eligible) }).toEqual(expected.Dn_exact_day[`D${n}`])
        expect({ ...after, rate: toSix(after.retained / after.eligible) }).toEqual(expected.Dn_on_or_after[`D${n}`])
      }
    })

    it.each([1, 7, 30])('has the same from the metric d%i_retention', async (n) => {
      const points = await readSeries(platform, tenant(), `d${n}_retention`, 'day', from, to)
      const lastDay = Date.parse(expected.max_ts.slice(0, 10)) - n * 86_400_000
      const eligible = points.filter(({ t }) => Date.parse(t) <= lastDay)
      const { retained, eligible: size } = expected.Dn_exact_day[`D${n}`] ?? {}
      expect(sum(eligible.map((point) => point.numerator))).toBe(retained)
      expect(sum(eligible.map((point) => point.denominator))).toBe(size)
    })

    it('has the weekly cohorts', async () => {
      const cohorts = await readCohorts(platform, tenant(), 'mode=calendar&cohort=week&unit=week&units=25', from, to)
      const found = cohorts.map((cohort) => [cohort.from, cohort.cells.map((cell) => cell.retained)])
      expect(Object.fromEntries(found)).toEqual(expected.weekly_monday_cohorts)
      expect(cohorts.map((cohort) => cohort.size)).toEqual(cohorts.map((cohort) => cohort.cells[0]?.retained))
    })

    it('has the daily, weekly and monthly active members', async () => {
      const read = async (metric: string, unit: 'day' | 'week' | 'month') =>
        withoutZeros(byPeriod(await readSeries(platform, tenant(), metric, unit, from, to), unit))
      expect(await read('dau', 'day')).toEqual(expected.dau)
      expect(await read('active_members', 'day')).toEqual(expected.dau)
      expect(await read('active_members', 'week')).toEqual(expected.wau_monday)
      expect(await read('wau', 'week')).toEqual(expected.wau_monday)
      expect(await read('active_members', 'month')).toEqual(expected.mau)
    })

    it('has the weekly active members of every trailing 7 days', async () => {
      const [first = '', last = ''] = [Object.keys(expected.rolling7_wau)[0], '2024-06-30']
      expect(byPeriod(await readSeries(platform, tenant(), 'wau', 'day', first, last))).toEqual(expected.rolling7_wau)
    })

    it('has the heat map of session starts', async () => {
      const answer = await platform.get<{ cells: { weekday: number; hour: number; sessions: number }[] }>(
        tenant(),
        `/api/analytics/engagement/heatmap?from=${from}&to=${to}`,
      )
      const heatmap = readJson<{ matrix: number[][]; total: number }>('ecom_clickstream', 'expected_heatmap.json')
      const matrix = heatmap.matrix.map((row, day) =>
        row.map(
          (_, hour) => answer.body.cells.find((cell) => cell.weekday === day + 1 && cell.hour === hour)?.sessions,
        ),
      )
      expect(matrix).toEqual(heatmap.matrix)
      expect(sum(answer.body.cells.map((cell) => cell.sessions))).toBe(heatmap.total)
    })
  })

  const gaps = [
    { rule: 'the session ids given', tenant: () => given, oracle: () => givenSessions(expected) },
    { rule: 'a gap of 30 minutes', tenant: () => shuffled, oracle: () => expected.sessions_gap_gt_30min },
    { rule: 'a gap of 15 minutes', tenant: () => gap15, oracle: () => expected.sessions_gap_gt_15min },
    { rule: 'a gap of 5 minutes', tenant: () => gap5, oracle: () => expected.sessions_gap_gt_5min },
  ]
  describe.each(gaps)('sessions by $rule', ({ tenant, oracle }) => {
    it('are as many as the oracle counts', async () => {
      for (const granularity of ['hour', 'day', 'week', 'month'] as const) {
        // 2,000 points of hours are 83 days: one metric at that size is read in three pieces.
        const ranges = granularity === 'hour' ? quarters : [[from, to] as const]
        const points = []
        for (const [first, end] of ranges)
          points.push(...(await readSeries(platform, tenant(), 'sessions_per_user', granularity, first, end)))
        const sessions = sum(points.map((point) => point.numerator))
        expect({ granularity, sessions }).toEqual({ granularity, sessions: oracle().sessions })
        expect(toSix(sessions / expected.users)).toBe(oracle().sessions_per_user_mean)
      }
    })

    it('have the active minutes of gaps up to 5 minutes', async () => {
      const points = await readSeries(platform, tenant(), 'active_minutes', 'day', from, to)
      const seconds = sum(points.map((point) => Math.round((point.value ?? 0) * 60_000))) / 1_000
      expect(seconds).toBe(expected.sessions_gap_gt_5min['total_session_seconds(last-first)'])
    })

    it('have the lengths of the oracle in the ledger', async () => {
      const { rows } = await platform.db.pool.query<{ seconds: number }>(
        `select sum(extract(epoch from ended_at - started_at))::double precision as seconds
         from analytics.sessions where tenant_id = $1`,
        [tenant().id],
      )
      expect(rows[0]?.seconds).toBe(oracle()['total_session_seconds(last-first)'])
    })
  })

  it.skip('active_minutes_distinct_clock_minutes is left out: we count gaps of up to 5 minutes, not clock minutes', () =>
    undefined)
})

const quarters = [
  ['2024-01-01', '2024-03-01'],
  ['2024-03-01', '2024-05-01'],
  ['2024-05-01', '2024-07-01'],
] as const

const toSix = (value: number): number => Math.round(value * 1e6) / 1e6

const givenSessions = (expected: Expected): Sessions => ({
  sessions: expected.sessions_given,
  sessions_per_user_mean: toSix(expected.sessions_given / expected.users),
  'total_session_seconds(last-first)': expected.given_sessions_total_seconds,
})
