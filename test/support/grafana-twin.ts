import { DateTime } from 'luxon'
import { evaluateRules } from '../../db/alerts/store.ts'
import { fitTenant } from '../../db/churn/fit.ts'
import { recordFailure, recordSuccess, runPolicy } from '../../db/jobs.ts'
import { storeWebhooks } from '../../db/revenue/webhooks.ts'
import { piiKey } from '../../db/secrets.ts'
import { commitBatch, endRun, renewLease, takeLease } from '../../db/sources/runners.ts'
import type { Tenant } from '../../db/tenant.ts'
import { alertRules } from '../../metrics/alerts/catalog.ts'
import { type PeriodRow, stripeEventsOf } from '../../sources/revenue/periods.ts'
import { deliveryBody } from '../../sources/simulator/deliveries.ts'
import { createTwin } from '../../sources/simulator/twin.ts'
import { type GrafanaLogin, openGrafanaLogin } from './grafana-login.ts'
import type { Range } from './grafana-macros.ts'
import { openPlatform, type Platform } from './platform.ts'

/** A zone whose offset is no whole hour, and whose clocks change. */
export const timezone = 'America/St_Johns'
const now = DateTime.now().setZone(timezone)
/** As a browser sends it: the dashboard's 60 days up to this second. */
export const range: Range = { from: now.minus({ days: 62 }).toJSDate(), to: now.toJSDate() }

export interface GrafanaTwin {
  readonly platform: Platform
  readonly tenant: Tenant
  readonly operator: GrafanaLogin
  /** Reads the tenant `twin` only. */
  readonly bound: GrafanaLogin
  close(): Promise<void>
}

const ago = (days: number): string => now.minus({ days }).toISODate() ?? ''

/**
 * A platform on which something of everything has happened, each in the way it happens there, so that no panel has a reason
 * to be empty: a twin of a business, a crowd large enough for a model of its own, money that came, grew, shrank and went, a
 * rejected event, a source that ran and one that failed, a failing job, alerts that fire, compressed chunks, a deploy and a retention run.
 */
export async function openGrafanaTwin(): Promise<GrafanaTwin> {
  const platform = await openPlatform()
  const { pool } = platform.db
  const settings = { 'alerts.high_risk_share': -1 }
  const tenant = await platform.createTenant({ slug: 'twin', timezone, currency: 'USD', settings })
  await platform.createTenant({ slug: 'empty', timezone: 'Asia/Kathmandu', currency: 'JPY' })

  const twin = createTwin({ seed: 6, members: 12, coaches: 3, days: 60, endDate: ago(2), timezone })
  for (const delivery of twin.deliveries) {
    const { events, sent_at } = deliveryBody(delivery, Date.now())
    await platform.send(tenant, events, sent_at)
  }
  const { rejected } = await platform.send(tenant, crowd(twin.members.map(({ coach_id }) => coach_id)))
  if (rejected > 0) throw new Error(`${rejected} events of the crowd were rejected`)
  await platform.send(tenant, [
    {
      event_id: 'latest',
      type: 'action',
      occurred_at: now.minus({ hours: 1 }).toISO(),
      user_id: 'crowd-1',
      properties: { name: 'look' },
    },
    { event_id: 'bad', type: 'no_such_type', occurred_at: now.minus({ hours: 2 }).toISO(), user_id: 'm' },
  ])

  const subscriptions = twin.subscriptions
    .filter(({ monthly_amount }) => monthly_amount > 0)
    .map(({ customer_id, start, end, monthly_amount, plan }) =>
      period(customer_id, start, end, monthly_amount / 100, plan),
    )
  const intake = { tenant, piiKey: await piiKey(pool, platform.masterKey, tenant.id) }
  await storeWebhooks(pool, intake, 'stripe', [...stripeEventsOf([...subscriptions, ...movements()]), ...trials()])
  await platform.settle()

  await runSources(platform, tenant)
  for (const job of ['fold-ledgers', 'refresh-aggregates']) await recordSuccess(pool, job)
  await recordFailure(pool, 'refresh-aggregates', 'the disk is full')
  await runRefreshPolicy(platform)
  await fitTenant(pool, { tenant_id: tenant.id, last_day: ago(1), scored_day: null, fitted_day: null })
  await platform.score(tenant)
  await pool.query(
    `select compress_chunk(c, true) from show_chunks('analytics.events', older_than => now() - interval '45 days') c`,
  )
  await evaluateRules(pool, tenant, alertRules)
  await pool.query(`insert into analytics.deploys values (now() - interval '3 days', '1.2.3')`)
  await pool.query(
    `insert into analytics.analytics_audit_log (at, tenant_id, actor, role, action, route, parameters, status, request_id)
     values (now() - interval '1 day', $1, 'retention', 'system', 'retention.dropped', '', '{"day": "2024-11-01"}', 200, '')`,
    [tenant.id],
  )
  const operator = await openGrafanaLogin(platform.db, null)
  const bound = await openGrafanaLogin(platform.db, tenant)
  return {
    platform,
    tenant,
    operator,
    bound,
    async close() {
      await operator.close()
      await bound.close()
      await platform.close()
    },
  }
}

/** 195 more members, seen now and then for two months; a third of them have gone. With the twin's, enough to fit a model. */
function crowd(coaches: readonly string[]): unknown[] {
  return Array.from({ length: 195 }, (_, m) => {
    const user_id = `crowd-${m}`
    const properties = { plan: m % 2 ? 'basic' : 'pro', coach_id: coaches[m % coaches.length] }
    const days: number[] = []
    for (let day = 61 - (m % 3); day > (m % 3 === 0 ? 38 : 1); day -= 6 + (m % 5)) days.push(day)
    return [
      { event_id: `${user_id}-up`, type: 'signed_up', occurred_at: at(61, 8), user_id, properties },
      ...days.map((day) => ({
        event_id: `${user_id}-${day}`,
        type: 'action',
        occurred_at: at(day, 9 + (m % 9)),
        user_id,
        properties: { name: 'look' },
      })),
    ]
  }).flat()
}
const at = (days: number, hour: number): string | null =>
  now.startOf('day').minus({ days }).set({ hour }).toUTC().toISO()

const period = (customer: string, start: string, end: string | null, amount: number, plan?: string): PeriodRow => ({
  customer,
  start,
  end,
  amount: amount.toFixed(2),
  currency: 'usd',
  plan,
})

/** Two quarters and more of recurring revenue: one customer stays, grows, shrinks, leaves, leaves and comes back. */
const movements = (): PeriodRow[] => [
  period('stays', ago(210), null, 40),
  period('grows', ago(200), ago(40), 49),
  period('grows', ago(40), null, 99),
  period('shrinks', ago(190), ago(30), 99),
  period('shrinks', ago(30), null, 49),
  period('leaves', ago(180), ago(20), 60),
  period('returns', ago(170), ago(50), 70),
  period('returns', ago(25), null, 70),
]

/** One trial that is paid for after a week, and one that is not, as Stripe tells of them. */
function trials(): unknown[] {
  const rows = [period('tries', ago(30), ago(23), 30), period('tries-only', ago(28), ago(21), 30)]
  return stripeEventsOf(rows).map((event) => {
    const { id, created, type, data } = event as {
      id: string
      created: number
      type: string
      data: { object: Record<string, unknown> & { id: string; customer: string; start_date: number } }
    }
    const { object } = data
    const isStart = type.endsWith('.created')
    const isPaid = object.customer === 'cus_tries'
    const trial = { trial_start: object.start_date, trial_end: isStart ? created + 7 * 86_400 : created }
    const status = isStart ? 'trialing' : isPaid ? 'active' : 'canceled'
    const ended = status === 'canceled' ? {} : { ended_at: null, canceled_at: null }
    return {
      ...event,
      id: `${id}_trial`,
      type: isStart || !isPaid ? type : 'customer.subscription.updated',
      data: { object: { ...object, ...trial, ...ended, id: `${object.id}_trial`, status } },
    }
  })
}

/** One of TimescaleDB's policies, as the embedded engine's worker runs it: test databases have no scheduler. */
async function runRefreshPolicy({ db }: Platform): Promise<void> {
  const { rows } = await db.pool.query<{ id: number }>(
    `select min(job_id) as id from timescaledb_information.jobs where proc_name = 'policy_refresh_continuous_aggregate'`,
  )
  const error = rows[0] ? await runPolicy(db.pool, rows[0]) : new Error('no refresh policy')
  if (error) throw error
}

/** One source that has read a batch and waits for more, and one whose run ended with an error. */
async function runSources({ db }: Platform, tenant: Tenant): Promise<void> {
  const take = async (source: string) => {
    const taken = await takeLease(db.pool, { tenantId: tenant.id, source, holder: 'worker-1' }, 30)
    if (!taken) throw new Error(`${source} is not free`)
    return taken.lease
  }
  const redis = await take('redis_streams')
  const batch = { position: '1-1', processed: 12, accepted: 10, duplicates: 1, failed: 1, lagSeconds: 3 }
  await commitBatch(db.pool, redis, batch)
  await renewLease(db.pool, redis, 30, { backlog: 4 })
  await endRun(db.pool, redis, { state: 'waiting' })
  await endRun(db.pool, await take('oltp'), { state: 'failing', error: 'connection refused' })
}
