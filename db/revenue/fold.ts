import type pg from 'pg'
import { catalogueOf } from '../../sources/revenue/catalogue.ts'
import { groupFacts } from '../../sources/revenue/customers.ts'
import type { RevenueFact } from '../../sources/revenue/facts.ts'
import { foldCustomer } from '../../sources/revenue/fold.ts'
import { announceRefreshed, recordTouched, type TouchedRange } from '../ledgers.ts'
import { FoldFailure, foldOrPark } from '../parked.ts'
import { loadSql, type Statement } from '../sql.ts'
import { inTransaction, type Tenant } from '../tenant.ts'
import {
  customersNamed,
  entryRows,
  issueRows,
  movementRows,
  paymentRows,
  subscriptionRows,
  trialRows,
} from './ledger-rows.ts'
import { foldVersion, productIntervals, revenuePolicy } from './policy.ts'

const sql = (name: string): Statement => loadSql(new URL(`./${name}.sql`, import.meta.url))
const takeDirty = sql('take-dirty')
const parkRevenue = sql('park')
const loadGroups = sql('load-groups')
const mergeMovements = sql('merge-movements')
const mergeEntries = sql('merge-entries')
const mergePayments = sql('merge-payments')
const mergeTrials = sql('merge-trials')
const mergeSubscriptions = sql('merge-subscriptions')
const mergeIssues = sql('merge-issues')

/** One fold at a time per database: two of one customer could otherwise overwrite each other's newer state. */
export const REVENUE_FOLD_LOCK = 7_302_102
const BATCH = 1_000

type EventId = { readonly provider: string; readonly event_id: string }

/**
 * Takes one batch of new provider events and folds their customers' ledgers again, from all facts that hang together with
 * them, in one transaction; only differences are written. Returns how many marks it took; 0 when there was nothing to do.
 * An event whose facts make the fold fail is parked.
 */
export async function foldRevenue(pool: pg.Pool, options: { limit?: number } = {}): Promise<{ events: number }> {
  return foldOrPark(
    options.limit ?? BATCH,
    (limit) => foldBatch(pool, limit),
    (error) =>
      inTransaction(pool, async (client) => {
        await client.query('select pg_advisory_xact_lock($1)', [REVENUE_FOLD_LOCK])
        const { rows } = await client.query<{ events: number }>(parkRevenue.bind({ error }))
        return { events: rows[0]?.events ?? 0 }
      }),
  )
}

async function foldBatch(pool: pg.Pool, limit: number): Promise<{ events: number }> {
  return inTransaction(pool, async (client) => {
    await client.query('select pg_advisory_xact_lock($1)', [REVENUE_FOLD_LOCK])
    await markOutdated(client)
    const { rows } = await client.query<EventId & { tenant_id: string }>(takeDirty.bind({ limit }))
    const [first] = rows
    if (first === undefined) return { events: 0 }
    const touched = await foldEvents(client, await tenantOf(client, first.tenant_id), rows)
    await recordTouched(client, touched, [first.tenant_id])
    await announceRefreshed(client, [first.tenant_id])
    return { events: rows.length }
  })
}

async function tenantOf(client: pg.PoolClient, id: string): Promise<Tenant> {
  const { rows } = await client.query<Tenant>(
    'select id, slug, name, timezone, currency, settings from analytics.tenants where id = $1',
    [id],
  )
  const [tenant] = rows
  if (tenant === undefined) throw new Error('a provider event of a tenant that does not exist')
  return tenant
}

async function factsWhere(client: pg.PoolClient, tenantId: string): Promise<RevenueFact[]> {
  const { rows } = await client.query<{ fact: RevenueFact }>(
    `select fact from analytics.revenue_facts where tenant_id = $1 and kind like 'catalogue%'`,
    [tenantId],
  )
  return rows.map(({ fact }) => fact)
}

/** Marks all events of tenants whose policy, calendar or catalogue is not the one their ledger was folded under. */
async function markOutdated(client: pg.PoolClient): Promise<void> {
  const { rows } = await client.query<Tenant & { version: string | null }>(
    `select t.id, t.slug, t.name, t.timezone, t.currency, t.settings, s.version
     from analytics.tenants t left join analytics.revenue_state s on s.tenant_id = t.id
     where s.tenant_id is not null or exists (select from analytics.dirty_revenue d where d.tenant_id = t.id)`,
  )
  for (const { version, ...tenant } of rows) {
    const { prices, products, coupons } = catalogueOf(await factsWhere(client, tenant.id))
    const current = foldVersion(tenant, [[...prices], [...products], [...coupons]])
    if (version === current) continue
    await client.query(
      `with state as (
         insert into analytics.revenue_state (tenant_id, version) values ($1, $2)
         on conflict (tenant_id) do update set version = excluded.version
       )
       insert into analytics.dirty_revenue (tenant_id, provider, event_id)
       select distinct tenant_id, provider, event_id from analytics.revenue_fact_keys
       where tenant_id = $1 and $3::boolean`,
      // The first fold finds its marks already there.
      [tenant.id, current, version !== null],
    )
  }
}

/** Days of the tenant's calendar, `YYYY-MM-DD`. */
function calendarOf(timezone: string): (at: string) => string {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone: timezone, dateStyle: 'short' })
  return (at) => format.format(new Date(at))
}

/** Runs a computation without I/O: what it throws is about its facts. */
function pure<T>(compute: () => T): T {
  try {
    return compute()
  } catch (cause) {
    throw new FoldFailure(`the facts cannot be folded: ${cause instanceof Error ? cause.name : 'an error'}`, { cause })
  }
}

/** Folds the customers of some events again, from all facts that hang together with them. Returns what changed. */
export async function foldEvents(
  client: pg.PoolClient,
  tenant: Tenant,
  events: readonly EventId[],
): Promise<TouchedRange[]> {
  const loaded = await client.query<{ fact: RevenueFact }>(
    loadGroups.bind({ tenant_id: tenant.id, events: JSON.stringify(events) }),
  )
  const facts = loaded.rows.map(({ fact }) => fact)
  if (facts.length === 0) return []
  const dayOf = calendarOf(tenant.timezone)
  const catalogue = catalogueOf(await factsWhere(client, tenant.id), productIntervals(tenant))
  const policy = revenuePolicy(tenant)
  const folds = pure(() => groupFacts(facts).map((group) => foldCustomer(group, policy, { catalogue, dayOf })))
  const merge = (statement: Statement, rows: readonly unknown[], more: Record<string, unknown> = {}) =>
    client.query<{ from_at: string | null; to_at: string | null }>(
      statement.bind({ tenant_id: tenant.id, customers, rows: JSON.stringify(rows), ...more }),
    )
  const customers = customersNamed(facts)
  const ids = new Map(facts.map(({ provider, event_id }) => [`${provider} ${event_id}`, { provider, event_id }]))
  const money = folds.flatMap(({ revenue }) => revenue)

  const merged = [
    [
      'mrr_movements',
      await merge(
        mergeMovements,
        folds.flatMap((fold) => movementRows(fold.movements, dayOf)),
      ),
    ],
    [
      'mrr_entries',
      await merge(
        mergeEntries,
        folds.flatMap((fold) => entryRows(fold.entries, fold.movements, dayOf)),
      ),
    ],
    [
      'revenue_entries',
      await merge(mergePayments, paymentRows(money, dayOf), { events: JSON.stringify([...ids.values()]) }),
    ],
  ] as const
  await merge(
    mergeTrials,
    folds.flatMap((fold) => trialRows(fold.trials, dayOf)),
  )
  await merge(
    mergeSubscriptions,
    folds.flatMap((fold) => subscriptionRows(fold.subscriptions)),
  )
  await merge(mergeIssues, folds.flatMap(issueRows))
  // what was parked of these customers is folded now
  await client.query(
    `delete from analytics.parked_revenue p using jsonb_to_recordset($2::jsonb) as e (provider text, event_id text)
     where p.tenant_id = $1 and p.provider = e.provider and p.event_id = e.event_id`,
    [tenant.id, JSON.stringify([...ids.values()])],
  )
  return merged.flatMap(([source, { rows }]) =>
    rows.flatMap(({ from_at, to_at }) => (from_at && to_at ? [{ source, from: from_at, to: to_at }] : [])),
  )
}
