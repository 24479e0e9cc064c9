import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tenant } from '../../db/tenant.ts'
import { openPlatform, type Platform } from '../support/platform.ts'
import {
  type Action,
  absent,
  byPeriod,
  dayN,
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

interface DayN {
  readonly eligible: number
  readonly exact_day: number
  readonly on_or_after: number
}
interface Days {
  readonly user_days: number
  readonly Dn: Record<string, DayN>
}
interface Sessions {
  readonly sessions: number
  readonly seconds_first_to_last: number
}
type Counts = Record<string, number>
interface Expected {
  readonly rows: number
  readonly users: number
  readonly max_ts: string
  readonly utc_days: Days
  readonly author_local_days: Days
  readonly weekly_monday_cohorts_2022_weeks_0_12: Record<string, number[]>
  readonly week_n_all_cohorts_users: Counts
  readonly wau_monday_2022: Counts
  readonly mau: Counts
  readonly rolling7_wau_2022_03: Counts
  readonly dau_2022_03: Counts
  readonly sessions_gap_over_30min: Sessions
  readonly sessions_gap_over_120min: Sessions
}

const present = isPresent('git_activity')
/** Mondays around the log: 2015-11-17 to 2026-08-22. */
const from = '2015-11-16'
const to = '2026-08-24'

/**
 * Every commit is an action of its author. `local` sends the author's wall clock as if it were UTC: a tenant has one
 * zone, while 140 of the authors moved between offsets, so no grouping of authors into tenants gives each his own days.
 */
function readActions(clock: 'utc' | 'local'): Action[] {
  const rows = readCsv<Record<'user_id' | 'ts' | 'offset_min' | 'event', string>>('git_activity', 'debezium.csv')
  return rows.map((row, i) => {
    const shift = clock === 'local' ? Number(row.offset_min) * 60_000 : 0
    return {
      // Many commits of one author share a second: what tells them apart is the line.
      event_id: `line-${i}`,
      type: 'action',
      occurred_at: new Date(Date.parse(row.ts) + shift).toISOString(),
      user_id: row.user_id,
      properties: { name: row.event },
    }
  })
}

describe.skipIf(!present)(`eleven years of commits${present ? '' : `, ${absent}`}`, () => {
  const expected = present ? readJson<Expected>('git_activity', 'debezium.expected.json') : ({} as Expected)
  let platform: Platform
  /** UTC days, gap of 30 minutes, sent in order. */
  let ordered: Tenant
  /** UTC days, gap of 120 minutes, sent shuffled in batches of random sizes. */
  let shuffled: Tenant
  let local: Tenant

  beforeAll(async () => {
    platform = await openPlatform()
    // A sparse decade in daily chunks is 2,700 of them, and their planning is all that would be measured here.
    for (const table of ['events', 'sessions', 'member_hours'])
      await platform.db.pool.query(`select set_chunk_time_interval('analytics.${table}', interval '90 days')`)
    const create = (slug: string, settings = {}) =>
      platform.createTenant({ slug, settings: { ...keepOld, ...settings } })
    ordered = await create('ordered')
    shuffled = await create('shuffled', { session_gap_minutes: 120 })
    local = await create('local')
    const totals = [
      await platform.send(ordered, readActions('utc')),
      await platform.send(local, readActions('local')),
      await sendShuffled(platform, shuffled, readActions('utc'), { seed: 20_151_117, largest: 2_000, settles: 0 }),
    ]
    for (const total of totals) expect(total).toEqual({ accepted: expected.rows, duplicates: 0, rejected: 0 })
    await platform.settle()
  }, 1_200_000)
  afterAll(() => platform?.close())

  async function readDayN(tenant: Tenant): Promise<Record<string, DayN>> {
    const lastDay = expected.max_ts.slice(0, 10)
    const parameters = 'cohort=day&unit=day&units=90'
    const classic = await readCohorts(platform, tenant, `${parameters}&mode=classic`, from, to)
    const rolling = await readCohorts(platform, tenant, `${parameters}&mode=rolling`, from, to)
    return Object.fromEntries(
      [1, 7, 30, 90].map((n) => {
        const { eligible, retained } = dayN(classic, n, lastDay)
        return [`D${n}`, { eligible, exact_day: retained, on_or_after: dayN(rolling, n, lastDay).retained }]
      }),
    )
  }

  const orders = [
    { order: 'in order', tenant: () => ordered, sessions: () => expected.sessions_gap_over_30min, gap: 30 },
    { order: 'shuffled', tenant: () => shuffled, sessions: () => expected.sessions_gap_over_120min, gap: 120 },
  ]
  describe.each(orders)('sent $order', ({ tenant, sessions, gap }) => {
    it('has D1, D7, D30 and D90 retention in UTC days, on the day and on or after it', async () => {
      expect(await readDayN(tenant())).toEqual(expected.utc_days.Dn)
    })

    it('has the active members of every day, and their sum', async () => {
      const days = byPeriod(await readSeries(platform, tenant(), 'dau', 'day', from, to))
      expect(sum(Object.values(days))).toBe(expected.utc_days.user_days)
      expect(days).toMatchObject(expected.dau_2022_03)
    })

    it('has the weekly cohorts of 2022', async () => {
      const parameters = 'mode=calendar&cohort=week&unit=week&units=12'
      const cohorts = await readCohorts(platform, tenant(), parameters, '2022-01-03', '2022-12-26')
      const found = cohorts.map((cohort) => [cohort.from, cohort.cells.map((cell) => cell.retained)])
      expect(Object.fromEntries(found)).toEqual(expected.weekly_monday_cohorts_2022_weeks_0_12)
    })

    it('has the week-n members of all cohorts', async () => {
      const parameters = 'mode=calendar&cohort=week&unit=week&units=12'
      const cohorts = await readCohorts(platform, tenant(), parameters, from, to)
      const found = Object.keys(expected.week_n_all_cohorts_users).map((n) => [
        n,
        sum(cohorts.map((cohort) => cohort.cells[Number(n)]?.retained)),
      ])
      expect(Object.fromEntries(found)).toEqual(expected.week_n_all_cohorts_users)
      expect(sum(cohorts.map((cohort) => cohort.size))).toBe(expected.users)
    })

    it('has the members of each week of 2022, of each trailing 7 days of March 2022 and of each month', async () => {
      const read = async (metric: string, unit: 'day' | 'week' | 'month', first: string, end: string) =>
        byPeriod(await readSeries(platform, tenant(), metric, unit, first, end), unit)
      expect(await read('active_members', 'week', '2022-01-03', '2023-01-02')).toEqual(expected.wau_monday_2022)
      expect(await read('wau', 'week', '2022-01-03', '2023-01-02')).toEqual(expected.wau_monday_2022)
      expect(await read('wau', 'day', '2022-03-01', '2022-04-01')).toEqual(expected.rolling7_wau_2022_03)
      expect(await read('active_members', 'month', '2015-11-01', '2026-09-01')).toEqual(expected.mau)
    })

    it(`has the sessions of a gap of ${gap} minutes, and their lengths in the ledger`, async () => {
      const points = await readSeries(platform, tenant(), 'sessions_per_user', 'month', '2015-11-01', '2026-09-01')
      expect(sum(points.map((point) => point.numerator))).toBe(sessions().sessions)
      const { rows } = await platform.db.pool.query<{ seconds: number }>(
        `select sum(extract(epoch from ended_at - started_at))::double precision as seconds
         from analytics.sessions where tenant_id = $1`,
        [tenant().id],
      )
      expect(rows[0]?.seconds).toBe(sessions().seconds_first_to_last)
    })
  })

  it('has D1, D7, D30 and D90 retention and member-days in the authors’ own days', async () => {
    expect(await readDayN(local)).toEqual(expected.author_local_days.Dn)
    const days = withoutZeros(byPeriod(await readSeries(platform, local, 'dau', 'day', from, to)))
    expect(sum(Object.values(days))).toBe(expected.author_local_days.user_days)
  })
})
