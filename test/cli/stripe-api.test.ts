import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadBillingEvents } from '../../cli/billing-events.ts'
import { stripeApi, stripeClient } from '../../cli/stripe-api.ts'
import { listRejectedWebhooks } from '../../db/revenue/webhooks.ts'
import { piiKey } from '../../db/secrets.ts'
import type { Tenant } from '../../db/tenant.ts'
import { item, price, stripeEvent, subscription } from '../sources/revenue/support.ts'
import { billingTenant, deliverStripe } from '../support/billing.ts'
import { openPlatform, type Platform } from '../support/platform.ts'

type Json = Record<string, unknown>
const KEY = 'sk_test_not_a_secret'
const CUSTOMERS = 1_250

const tiered = price(0, {
  id: 'price_tiers',
  billing_scheme: 'tiered',
  tiers_mode: 'volume',
  unit_amount: null,
  unit_amount_decimal: null,
})
const tiers = [
  { up_to: 10, unit_amount: 500, flat_amount: null },
  { up_to: null, unit_amount: 300, flat_amount: null },
]
const subscriptions = Array.from({ length: CUSTOMERS }, (_, i) =>
  subscription({
    id: `sub_${i}`,
    customer: `cus_${i}`,
    created: 1_735_732_800,
    start_date: 1_735_732_800,
    metadata: { user_id: `member-${i}` },
    items: [i === 0 ? item(tiered, 20) : item(price(1000))],
  }),
)
const ended = stripeEvent('customer.subscription.deleted', '2025-03-01T00:00:00Z', {
  ...subscriptions[1],
  status: 'canceled',
  ended_at: 1_740_787_200,
})
const lists: Record<string, Json[]> = {
  '/v1/coupons': [],
  '/v1/products': [{ id: 'prod_coach', object: 'product', name: 'Coaching' }],
  '/v1/prices': [{ ...tiered, object: 'price', type: 'recurring', tiers }],
  '/v1/subscriptions': subscriptions,
  // what happened since, newest first; most of it nothing the ledger reads
  '/v1/events': [
    ended,
    ...Array.from({ length: 1_100 }, (_, i) =>
      stripeEvent('payout.paid', '2025-02-01T00:00:00Z', { id: `po_${i}`, object: 'payout' }),
    ),
  ],
}

/** Speaks Stripe's list API: pages of at most 100, `starting_after`, 429 now and then. */
const requests: string[] = []
const refusals = new Set<number>([3, 17])
let server: Server
let platform: Platform
let tenant: Tenant

beforeAll(async () => {
  platform = await openPlatform()
  tenant = await billingTenant(platform, 'acme')
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://stripe')
    const send = (status: number, body: Json) => {
      response.writeHead(status, { 'content-type': 'application/json', 'request-id': `req_${requests.length}` })
      response.end(JSON.stringify(body))
    }
    requests.push(url.pathname)
    if (request.headers.authorization !== `Bearer ${KEY}`) return send(401, { error: { message: 'Invalid API Key' } })
    if (refusals.delete(requests.length))
      return send(429, { error: { type: 'invalid_request_error', code: 'rate_limit', message: 'Too many requests' } })
    const all = lists[url.pathname]
    if (!all) return send(404, { error: { message: `no ${url.pathname}` } })
    const after = url.searchParams.get('starting_after')
    const from = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1
    const limit = Math.min(100, Number(url.searchParams.get('limit') ?? 10))
    const data = all.slice(from, from + limit)
    return send(200, { object: 'list', url: url.pathname, has_more: from + limit < all.length, data })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve))
  await platform.close()
})

const client = (key = KEY) => {
  const { port } = server.address() as AddressInfo
  return stripeClient(key, { host: '127.0.0.1', port, protocol: 'http' })
}
const backfill = async () => {
  const intake = { tenant, piiKey: await piiKey(platform.db.pool, platform.masterKey, tenant.id) }
  return loadBillingEvents(platform.db, intake, 'stripe', stripeApi(client()))
}
const mrr = async (month: string) => {
  const path = `/api/analytics/metrics/net_mrr?from=${month}-01&to=${month}-02&granularity=month`
  const { body } = await platform.get<{ series: { points: { value: number }[] }[] }>(tenant, path, 'finance')
  return body.series[0]?.points[0]?.value
}

test('everything is read page by page, past 1,000 rows, and again where Stripe says to slow down', async () => {
  // one subscription told by webhook before
  const told = stripeEvent('customer.subscription.created', '2025-01-01T12:00:00Z', subscriptions[7] as Json)
  expect((await deliverStripe(platform, tenant, told)).status).toBe(200)
  const stored = await backfill()
  expect(stored).toMatchObject({ facts: 2 + CUSTOMERS + 1, ignored: 1_100, rejected: 0, duplicates: 0 })
  expect(refusals.size).toBe(0)
  expect(requests.filter((path) => path === '/v1/subscriptions').length).toBeGreaterThanOrEqual(13)
  await platform.settle()
  // 20 seats in the second tier, and 10.00 from everybody else; nobody twice
  expect(await mrr('2025-01')).toBe(20 * 300 + (CUSTOMERS - 1) * 1000)
  expect(await mrr('2025-03')).toBe(20 * 300 + (CUSTOMERS - 2) * 1000)
}, 120_000)

test('a second run changes no figure', async () => {
  const again = await backfill()
  expect(again.rejected).toBe(0)
  await platform.settle()
  expect(await mrr('2025-01')).toBe(20 * 300 + (CUSTOMERS - 1) * 1000)
  expect(await mrr('2025-03')).toBe(20 * 300 + (CUSTOMERS - 2) * 1000)
}, 120_000)

test('a wrong key ends it with Stripe’s own words', async () => {
  const read = async () => {
    for await (const event of stripeApi(client('sk_test_wrong'))) expect(event).toBeDefined()
  }
  await expect(read()).rejects.toThrow('Invalid API Key')
})

test('what cannot be read is listed with the fields at fault', async () => {
  const broken = stripeEvent('customer.subscription.created', '2025-01-01T00:00:00Z', { id: 7 })
  expect((await deliverStripe(platform, tenant, broken)).status).toBe(200)
  const { rows, total } = await listRejectedWebhooks(platform.db.pool, tenant.id, 10)
  expect(total).toBe(1)
  expect(rows[0]).toMatchObject({
    provider: 'stripe',
    type: 'customer.subscription.created',
    errors: [{ field: expect.any(String) }, ...Array((rows[0]?.errors.length ?? 1) - 1).fill(expect.anything())],
  })
})
