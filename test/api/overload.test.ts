import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Tenant } from '../../db/tenant.ts'
import { openPlatform, type Platform } from '../support/platform.ts'

const URL_OF_EVENTS = '/api/analytics/events'
const BATCH = 100
const FLOOD = 60

let platform: Platform
let origin: string
let loud: Tenant
let quiet: Tenant
beforeAll(async () => {
  platform = await openPlatform({ env: { INGEST_MAX_WAIT_SECONDS: '0.1' } })
  origin = await platform.app.listen({ host: '127.0.0.1', port: 0 })
  loud = await platform.createTenant({ slug: 'loud' })
  quiet = await platform.createTenant({ slug: 'quiet' })
})
afterAll(() => platform.close())

const batch = (n: number) => {
  const ids = Array.from({ length: n }, () => randomUUID())
  const occurred_at = new Date(Date.now() - 60_000).toISOString()
  const properties = { screen: 'home', note: 'x'.repeat(500) }
  const events = ids.map((event_id) => ({
    event_id,
    type: 'screen_viewed',
    occurred_at,
    user_id: 'member',
    properties,
  }))
  return { ids, body: JSON.stringify({ events }) }
}

async function post(token: string, n: number) {
  const { ids, body } = batch(n)
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const response = await fetch(origin + URL_OF_EVENTS, { method: 'POST', headers, body })
  const answer = (await response.json()) as { code?: string; accepted?: number }
  const { status } = response
  return {
    status,
    ids,

    code: answer.code,
    retryAfter: response.headers.get('retry-after'),
  }
}

const storedOf = async (tenant: Tenant): Promise<string[]> =>
  (
    await platform.db.pool.query<{ event_id: string }>('select event_id from analytics.events where tenant_id = $1', [
      tenant.id,
    ])
  ).rows.map(({ event_id }) => event_id)

test('a flood is refused with a time to come back, loses nothing it acknowledged, starves nobody, and is forgotten', async () => {
  const [loudToken, quietToken] = await Promise.all([platform.token(loud, 'service'), platform.token(quiet, 'service')])
  const flood: Awaited<ReturnType<typeof post>>[] = []
  let flooding = true
  const lanes = Array.from({ length: FLOOD }, async () => {
    for (let i = 0; i < 6; i += 1) flood.push(await post(loudToken, BATCH))
  })
  const beside: Awaited<ReturnType<typeof post>>[] = []
  const other = (async () => {
    while (flooding || beside.length < 3) beside.push(await post(quietToken, 5))
  })()
  await Promise.all(lanes)
  flooding = false
  await other

  const accepted = flood.filter(({ status }) => status === 200)
  const refused = flood.filter(({ status }) => status !== 200)
  expect(flood).toHaveLength(FLOOD * 6)
  expect(refused.length).toBeGreaterThan(FLOOD)
  expect(accepted.length).toBeGreaterThan(0)
  expect([...new Set(refused.map(({ status, code }) => `${status} ${code}`))]).toEqual(
    expect.arrayContaining(['429 too_much_in_flight']),
  )
  for (const { status, retryAfter } of refused) {
    expect([429, 503]).toContain(status)
    expect(Number(retryAfter)).toBeGreaterThan(0)
  }

  // Nobody who sends little is refused because of another. (How long it takes is measured by `npm run bench -- overload`.)
  expect([...new Set(beside.map(({ status }) => status))]).toEqual([200])

  // Acknowledged is stored, once; refused is not.
  expect((await storedOf(loud)).sort()).toEqual(accepted.flatMap(({ ids }) => ids).sort())
  expect((await storedOf(quiet)).sort()).toEqual(beside.flatMap(({ ids }) => ids).sort())

  expect((await post(loudToken, BATCH)).status).toBe(200)
}, 120_000)
