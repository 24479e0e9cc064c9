import { DateTime } from 'luxon'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { refreshTouched } from '../../../db/aggregates.ts'
import { observeAlert, readAlertSeries } from '../../../db/alerts/read.ts'
import { evaluateRules } from '../../../db/alerts/store.ts'
import { recordTouched } from '../../../db/ledgers.ts'
import { createTenant, inTransaction, type NewTenant, type Tenant, withTenant } from '../../../db/tenant.ts'
import { alertRules } from '../../../metrics/alerts/catalog.ts'
import type { AlertRule } from '../../../metrics/alerts/rule.ts'
import { openTestDatabase, type TestDatabase } from '../../support/database.ts'

/** A zone whose offset is no whole hour, and whose clocks change. */
const timezone = 'America/St_Johns'
const MINUTE = 60_000
const DAY = 86_400_000

let database: TestDatabase
let pool: pg.Pool
beforeAll(async () => {
  database = await openTestDatabase()
  pool = database.pool
}, 120_000)
afterAll(() => database.close())

let made = 0
const makeTenant = (settings: NewTenant['settings'] = {}): Promise<Tenant> => {
  made += 1
  return createTenant(pool, { slug: `alerts-${made}`, timezone, currency: 'EUR', settings })
}

function rule(name: string): AlertRule {
  const found = alertRules.find((candidate) => candidate.name === name)
  if (!found) throw new Error(`there is no rule ${name}`)
  return found
}

/** The tenant's local day so many days before today. */
const day = (ago: number): string => DateTime.now().setZone(timezone).minus({ days: ago }).toISODate() ?? ''
const instant = (ago: number, hour = 12): string =>
  DateTime.now().setZone(timezone).startOf('day').minus({ days: ago }).set({ hour }).toUTC().toISO() ?? ''

/** Evaluates one rule as the worker does; the states it then has, without times. */
async function judge(tenant: Tenant, name: string, at: Date = new Date()) {
  const changes = await evaluateRules(pool, tenant, [rule(name)], at)
  const { rows } = await pool.query<{ state: string; labels: Record<string, string>; value: number | null }>(
    'select state, labels, value from analytics.alert_states where tenant_id = $1 and rule = $2 order by labels',
    [tenant.id, name],
  )
  return { states: rows.map(({ state }) => state), rows, changes: changes.map(({ status }) => status) }
}

/** Rows of a ledger, and the refresh that makes its aggregates follow. */
async function put(source: string, tenant: Tenant, from: string, to: string, sql: string, values: unknown[]) {
  await inTransaction(pool, async (client) => {
    await client.query(sql, values)
    await recordTouched(client, [{ source, from, to }], [tenant.id])
  })
  await refreshTouched(pool)
}

/** `counts` maps a day (ago) to how many of its ten members per coach are at high risk. */
async function putScores(tenant: Tenant, counts: Record<number, Record<string, number>>): Promise<void> {
  const scores = Object.entries(counts).flatMap(([ago, coaches]) =>
    Object.entries(coaches).flatMap(([coach, high]) =>
      Array.from({ length: 10 }, (_, i) => ({
        user_id: `${coach}-${i}`,
        day: day(Number(ago)),
        coach,
        high: i < high,
      })),
    ),
  )
  const days = scores.map((score) => score.day).sort()
  await put(
    'churn_scores',
    tenant,
    `${days[0]}T00:00:00Z`,
    `${days.at(-1)}T00:00:00Z`,
    `insert into analytics.churn_scores
       (tenant_id, user_id, day, probability, band, reasons, last_action, model, plan, coach_id)
     select $1, user_id, day, case when high then 0.8 else 0.1 end, case when high then 'high' else 'low' end, '[]', day,
       'prior-2', '', coach
     from jsonb_to_recordset($2::jsonb) as x (user_id text, day date, coach text, high boolean)
     on conflict (tenant_id, day, user_id) do update set band = excluded.band`,
    [tenant.id, JSON.stringify(scores)],
  )
}

describe('the rules on constructed data', () => {
  test('with no data at all nothing fires', async () => {
    const tenant = await makeTenant()
    await evaluateRules(pool, tenant, alertRules)
    const { rows } = await pool.query<{ rule: string; state: string }>(
      'select rule, state from analytics.alert_states where tenant_id = $1',
      [tenant.id],
    )
    expect(new Set(rows.map((row) => row.rule))).toEqual(new Set(alertRules.map(({ name }) => name)))
    expect(rows.filter(({ state }) => state !== 'ok' && state !== 'no_data')).toEqual([])
  })

  test('high_risk_share fires above the tenant’s share and resolves below it', async () => {
    const tenant = await makeTenant()
    await putScores(tenant, { 1: { a: 2 } })
    expect((await judge(tenant, 'high_risk_share')).states).toEqual(['ok'])
    await putScores(tenant, { 1: { a: 3 } })
    expect(await judge(tenant, 'high_risk_share')).toMatchObject({ states: ['firing'], changes: ['firing'] })
    expect((await judge(tenant, 'high_risk_share')).changes).toEqual([])
    await putScores(tenant, { 1: { a: 1 } })
    expect(await judge(tenant, 'high_risk_share')).toMatchObject({ states: ['ok'], changes: ['resolved'] })
  })

  test('a tenant’s own threshold decides', async () => {
    const tenant = await makeTenant({ 'alerts.high_risk_share': 0.05 })
    await putScores(tenant, { 1: { a: 1 } })
    expect((await judge(tenant, 'high_risk_share')).states).toEqual(['firing'])
    const { rows } = await withTenant(pool, tenant.id, (client) => client.query('select * from alert_thresholds'))
    expect(rows).toEqual([{ rule: 'high_risk_share', threshold: 0.05 }])
  })

  test('high_risk_share_jump compares with 7 days before', async () => {
    const tenant = await makeTenant()
    await putScores(tenant, { 8: { a: 2 }, 1: { a: 2 } })
    expect((await judge(tenant, 'high_risk_share_jump')).states).toEqual(['ok'])
    await putScores(tenant, { 1: { a: 3 } })
    expect((await judge(tenant, 'high_risk_share_jump')).states).toEqual(['firing'])
    await putScores(tenant, { 8: { a: 3 } })
    expect(await judge(tenant, 'high_risk_share_jump')).toMatchObject({ states: ['ok'], changes: ['resolved'] })
  })

  test('coach_book_at_risk tells the coaches apart', async () => {
    const tenant = await makeTenant()
    await putScores(tenant, { 1: { a: 5, b: 1 } })
    const { rows } = await judge(tenant, 'coach_book_at_risk')
    expect(rows.map(({ labels, state, value }) => [labels.coach, state, value])).toEqual([
      ['a', 'firing', 0.5],
      ['b', 'ok', 0.1],
    ])
    await putScores(tenant, { 1: { a: 4, b: 1 } })
    expect(await judge(tenant, 'coach_book_at_risk')).toMatchObject({ states: ['ok', 'ok'], changes: ['resolved'] })
  })

  test('wau_drop judges complete weeks only', async () => {
    const tenant = await makeTenant()
    const monday = DateTime.now().setZone(timezone).startOf('week')
    // 20 members in the week before last, of whom `back` came again in the last one; nobody in the running one.
    const weeks = async (back: number) => {
      const rows = Array.from({ length: 20 }, (_, i) => [
        { user_id: `m${i}`, day: monday.minus({ days: 10 }).toISODate(), delta: 1 },
        {
          user_id: `m${i}`,
          day: (i < back ? monday.plus({ days: 3 }) : monday.minus({ days: 3 })).toISODate(),
          delta: -1,
        },
      ]).flat()
      await pool.query('delete from analytics.presence where tenant_id = $1', [tenant.id])
      await put(
        'presence',
        tenant,
        `${monday.minus({ days: 12 }).toISODate()}T00:00:00Z`,
        `${monday.plus({ days: 8 }).toISODate()}T00:00:00Z`,
        `insert into analytics.presence (tenant_id, user_id, day, plan, coach_id, wau_delta, mau_delta)
         select $1, user_id, day, '', '', delta, 0
         from jsonb_to_recordset($2::jsonb) as x (user_id text, day date, delta smallint)`,
        [tenant.id, JSON.stringify(rows)],
      )
    }
    await weeks(18)
    expect(await judge(tenant, 'wau_drop')).toMatchObject({ states: ['ok'] })
    await weeks(15)
    const fired = await judge(tenant, 'wau_drop')
    expect(fired.states).toEqual(['firing'])
    expect(fired.rows[0]?.value).toBeCloseTo(0.25)
    await weeks(20)
    expect(await judge(tenant, 'wau_drop')).toMatchObject({ states: ['ok'], changes: ['resolved'] })
  })

  test('chat_sla_breach waits for 15 minutes before it fires', async () => {
    const tenant = await makeTenant({ sla_hours: 12 })
    const ask = (hours: number) =>
      pool.query(
        `insert into analytics.waiting_messages (tenant_id, user_id, conversation_id, asked_at, coach_id)
         values ($1, 'm1', 'c1', now() - make_interval(hours => $2), 'a')
         on conflict (tenant_id, user_id, conversation_id) do update set asked_at = excluded.asked_at`,
        [tenant.id, hours],
      )
    await ask(11)
    expect((await judge(tenant, 'chat_sla_breach')).states).toEqual(['ok'])
    await ask(13)
    expect((await judge(tenant, 'chat_sla_breach')).states).toEqual(['pending'])
    const later = new Date(Date.now() + 16 * MINUTE)
    expect(await judge(tenant, 'chat_sla_breach', later)).toMatchObject({ states: ['firing'], changes: ['firing'] })
    await pool.query('delete from analytics.waiting_messages where tenant_id = $1', [tenant.id])
    expect(await judge(tenant, 'chat_sla_breach')).toMatchObject({ states: ['ok'], changes: ['resolved'] })
  })

  test('streak_breakers counts members who lost a streak of 14 days and checked nothing since', async () => {
    const tenant = await makeTenant()
    // streaks end four days ago; `checks` members check another habit yesterday
    const habits = async (members: number, checks: number) => {
      const rows = Array.from({ length: members }, (_, m) => [
        ...[4, 3, 2, 1].map((ago) => ({
          user_id: `m${m}`,
          habit_id: 'h1',
          day: day(ago),
          done: ago === 4 ? 1 : 0,
          streak: ago === 4 ? 14 + m : 0,
        })),
        { user_id: `m${m}`, habit_id: 'h2', day: day(1), done: m < checks ? 1 : 0, streak: 0 },
      ]).flat()
      await pool.query('delete from analytics.habit_days where tenant_id = $1', [tenant.id])
      await pool.query(
        `insert into analytics.habit_days (tenant_id, user_id, habit_id, day, kind, expected, done, skipped, streak)
         select $1, user_id, habit_id, day, 'weekdays', 1, done, false, streak
         from jsonb_to_recordset($2::jsonb) as x (user_id text, habit_id text, day date, done smallint, streak integer)`,
        [tenant.id, JSON.stringify(rows)],
      )
    }
    await habits(2, 0)
    expect((await judge(tenant, 'streak_breakers')).rows).toMatchObject([{ state: 'ok', value: 2 }])
    await habits(4, 0)
    expect((await judge(tenant, 'streak_breakers')).rows).toMatchObject([{ state: 'firing', value: 4 }])
    await habits(4, 3)
    expect(await judge(tenant, 'streak_breakers')).toMatchObject({ states: ['ok'], changes: ['resolved'] })
  })

  /** MRR of 100 a customer, a new one every day for 120 days; `churned` of them leave two days ago, one every tenth day before. */
  async function putMrr(tenant: Tenant, churned: number, off = 0): Promise<void> {
    await pool.query('delete from analytics.mrr_entries where tenant_id = $1', [tenant.id])
    await pool.query('delete from analytics.mrr_movements where tenant_id = $1', [tenant.id])
    const moves = Array.from({ length: 120 }, (_, i) => ({ customer: `c${i}`, ago: 121 - i, delta: 1e10, type: 'new' }))
    for (let i = 0; i < 8; i += 1) moves.push({ customer: `c${i}`, ago: 90 - i * 10, delta: -1e10, type: 'churn' })
    for (let i = 0; i < churned; i += 1) moves.push({ customer: `c${20 + i}`, ago: 2, delta: -1e10, type: 'churn' })
    const rows = moves.map((move) => ({ ...move, at: instant(move.ago), day: day(move.ago) }))
    const from = instant(125)
    const to = instant(0)
    await put(
      'mrr_movements',
      tenant,
      from,
      to,
      `insert into analytics.mrr_movements (tenant_id, customer, currency, at, day, type, delta, mrr_before, mrr_after,
         subscriber_delta, subscription, plan, provider, provider_event_ids)
       select $1, customer, 'eur', at, day, type, delta, case when delta < 0 then -delta else 0 end,
         case when delta > 0 then delta else 0 end, sign(delta), customer, 'p', 'stripe', '{}'
       from jsonb_to_recordset($2::jsonb) as x (customer text, at timestamptz, day date, type text, delta numeric)`,
      [tenant.id, JSON.stringify(rows)],
    )
    await put(
      'mrr_entries',
      tenant,
      from,
      to,
      `insert into analytics.mrr_entries (tenant_id, customer, currency, at, day, type, delta, subscription, plan, provider,
         provider_event_ids)
       select $1, customer, 'eur', at, day, type, delta + case when customer = 'c99' then $3::numeric else 0 end, customer,
         'p', 'stripe', '{}'
       from jsonb_to_recordset($2::jsonb) as x (customer text, at timestamptz, day date, type text, delta numeric)`,
      [tenant.id, JSON.stringify(rows), off],
    )
  }

  test('churn_mrr_above_band compares a week with the 90 days before it', async () => {
    const tenant = await makeTenant()
    await putMrr(tenant, 1)
    const usual = await judge(tenant, 'churn_mrr_above_band')
    expect(usual.states).toEqual(['ok'])
    expect(usual.rows[0]?.value).toBeGreaterThan(0)
    await putMrr(tenant, 9)
    expect(await judge(tenant, 'churn_mrr_above_band')).toMatchObject({ states: ['firing'], changes: ['firing'] })
    await putMrr(tenant, 0)
    expect(await judge(tenant, 'churn_mrr_above_band')).toMatchObject({ states: ['ok'], changes: ['resolved'] })
  })

  test('mrr_ledger_residual is what the ledger is off by', async () => {
    const tenant = await makeTenant()
    await putMrr(tenant, 1)
    expect((await judge(tenant, 'mrr_ledger_residual')).rows).toMatchObject([{ state: 'ok', value: 0 }])
    await putMrr(tenant, 1, 5e6)
    const found = await judge(tenant, 'mrr_ledger_residual')
    expect(found.rows).toMatchObject([{ state: 'pending', value: 5 }])
    const later = new Date(Date.now() + 16 * MINUTE)
    expect((await judge(tenant, 'mrr_ledger_residual', later)).states).toEqual(['firing'])
    await putMrr(tenant, 1)
    expect(await judge(tenant, 'mrr_ledger_residual')).toMatchObject({ states: ['ok'], changes: ['resolved'] })
  })

  test('ingest_stopped knows the tenant’s nights', async () => {
    const tenant = await makeTenant()
    // twelve hours with events, twelve without, for ten days
    const arrive = async (until: number) => {
      await pool.query('delete from analytics.events where tenant_id = $1', [tenant.id])
      await put(
        'events',
        tenant,
        instant(12),
        instant(-1),
        `insert into analytics.events (tenant_id, event_id, occurred_at, local_hour, type, user_id, is_action, content_hash)
         select $1, 'e' || h, $2::timestamptz - h * interval '1 hour', date_trunc('hour', $2::timestamptz at time zone 'UTC' - h * interval '1 hour'),
           'action', 'm', true, 1
         from generate_series($3::integer, 240) h where h % 24 >= 12`,
        [tenant.id, new Date(), until],
      )
    }
    const later = new Date(Date.now() + 6 * MINUTE)
    await arrive(0)
    expect((await judge(tenant, 'ingest_stopped')).states).toEqual(['ok'])
    await arrive(15)
    expect((await judge(tenant, 'ingest_stopped')).states).toEqual(['ok'])
    await arrive(30)
    expect((await judge(tenant, 'ingest_stopped')).states).toEqual(['pending'])
    expect(await judge(tenant, 'ingest_stopped', later)).toMatchObject({ states: ['firing'] })
    await arrive(0)
    expect(await judge(tenant, 'ingest_stopped')).toMatchObject({ states: ['ok'], changes: ['resolved'] })
  })

  test('aggregate_stale sees marks that nobody works off', async () => {
    const tenant = await makeTenant()
    expect((await judge(tenant, 'aggregate_stale')).states).toEqual(['ok'])
    await pool.query(
      `insert into analytics.dirty_members (tenant_id, user_id, types, since, marked_at)
       values ($1, 'm', '{action}', now(), now() - interval '45 minutes')`,
      [tenant.id],
    )
    expect((await judge(tenant, 'aggregate_stale')).states).toEqual(['pending'])
    const later = new Date(Date.now() + 11 * MINUTE)
    expect((await judge(tenant, 'aggregate_stale', later)).states).toEqual(['firing'])
    await pool.query('delete from analytics.dirty_members where tenant_id = $1', [tenant.id])
    expect(await judge(tenant, 'aggregate_stale')).toMatchObject({ states: ['ok'], changes: ['resolved'] })
  })

  test('job_failing names the job', async () => {
    const tenant = await makeTenant()
    const fail = (times: number) =>
      pool.query(
        `insert into analytics.job_outcomes as o (name, consecutive_failures, last_run_at) values ('fold-ledgers', $1, now())
         on conflict (name) do update set consecutive_failures = $1, last_run_at = now()`,
        [times],
      )
    await fail(2)
    expect((await judge(tenant, 'job_failing')).states).toEqual(['ok'])
    await fail(3)
    const { rows } = await judge(tenant, 'job_failing')
    expect(rows).toMatchObject([{ labels: { job: 'fold-ledgers' }, state: 'firing', value: 3 }])
    await fail(0)
    expect(await judge(tenant, 'job_failing')).toMatchObject({ states: ['ok'], changes: ['resolved'] })
  })

  test('no rule sees another tenant’s rows', async () => {
    const [one, other] = [await makeTenant(), await makeTenant()]
    await putScores(one, { 8: { a: 0 }, 1: { a: 9 } })
    await putMrr(one, 9, 5e6)
    const seen = await withTenant(pool, other.id, async (client) => {
      const values: [string, number][] = []
      for (const candidate of alertRules)
        if (candidate.name !== 'job_failing')
          for (const { value } of await observeAlert(client, candidate, new Date()))
            values.push([candidate.name, value])
      return values
    })
    for (const [name, value] of seen) if (name !== 'aggregate_stale') expect(value, name).toBe(0)
  })

  test('a rule’s series over a month of history is in order and within the range', async () => {
    const tenant = await makeTenant()
    await putScores(tenant, { 20: { a: 1 }, 13: { a: 4 }, 1: { a: 2 } })
    const now = new Date()
    const from = new Date(now.getTime() - 30 * DAY)
    const series = await withTenant(pool, tenant.id, (client) =>
      readAlertSeries(client, rule('high_risk_share'), from, now),
    )
    expect(series.map(({ value }) => value)).toEqual([0.1, 0.4, 0.2])
    // the end of the local day, whatever the offset of the day
    expect(series.map(({ time }) => time)).toEqual([19, 12, 0].map((ago) => instant(ago, 0)))
  })
})
