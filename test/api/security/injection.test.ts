import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Tenant } from '../../../db/tenant.ts'
import { busyTenant } from '../../support/busy-tenant.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'
import type { Document } from './support/attacks.ts'

const payloads = [
  "x' or '1'='1",
  "x'; delete from analytics.events; --",
  "') union select slug, id::text from analytics.tenants; drop table analytics.tenants cascade; --",
  "x' || (select slug from analytics.tenants limit 1) || '",
  ':tenant_id',
]

let platform: Platform
let tenant: Tenant
let document: Document
beforeAll(async () => {
  platform = await openPlatform()
  tenant = await platform.createTenant({ slug: 'injected' })
  const other = await platform.createTenant({ slug: 'untouchable' })
  await platform.send(tenant, busyTenant({ end: Date.now(), mark: 'x', members: 2 }))
  await platform.send(other, busyTenant({ end: Date.now(), mark: 'y', members: 2 }))
  await platform.settle()
  document = (await platform.app.inject('/documentation/json')).json<Document>()
})
afterAll(() => platform.close())

/** What no request below may change: every table with the number of its rows that matter. */
async function state(): Promise<unknown> {
  const { rows: tables } = await platform.db.pool.query<{ name: string }>(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname in ('analytics', 'tenant') and c.relkind in ('r', 'v') order by 1`,
  )
  const { rows: counts } = await platform.db.pool.query(
    'select (select count(*) from analytics.events) as events, (select count(*) from analytics.tenants) as tenants',
  )
  return { tables, counts }
}

const today = new Date()
const day = (ago: number): string => new Date(today.getTime() - ago * 86_400_000).toISOString().slice(0, 10)
/** Right values, so that what is attacked is reached behind what is checked before it. */
const right: Readonly<Record<string, string>> = {
  name: 'dau',
  metric: 'dau',
  from: day(20),
  to: day(1),
  date: day(2),
  granularity: 'day',
  user_id: 'member-0',
  id: randomUUID(),
  cohortId: day(30),
  tenant: 'injected',
}

test('SQL in any parameter of any route is a value: no failure, no other rows, nothing changed', {
  timeout: 240_000,
}, async () => {
  const before = await state()
  let attacked = 0
  for (const [path, methods] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(methods)) {
      const parameters = (operation.parameters ?? []).filter((one) => one.in === 'path' || one.in === 'query')
      const role = operation['x-roles'].includes('admin') ? 'admin' : (operation['x-roles'][0] ?? 'admin')
      const authorization = `Bearer ${await platform.token(tenant, role)}`
      for (const target of parameters)
        for (const payload of payloads) {
          const valueFor = (name: string) => encodeURIComponent(name === target.name ? payload : (right[name] ?? 'x'))
          const url = path.replace(/\{(\w+)\}/g, (_, name: string) => valueFor(name))
          const query = parameters
            .filter((one) => one.in === 'query' && (one.required === true || one.name === target.name))
            .map(({ name }) => `${encodeURIComponent(name)}=${valueFor(name)}`)
          const answer = await platform.app.inject({
            method: method.toUpperCase() as 'GET',
            url: `${url}?${query.join('&')}`,
            headers: { authorization, ...(method === 'get' ? {} : { 'content-type': 'application/json' }) },
            ...(method === 'get' || method === 'delete' ? {} : { payload: '{}' }),
          })
          const about = `${method} ${path} ${target.name}=${payload}`
          expect.soft(answer.statusCode, `${about}: ${answer.body.slice(0, 300)}`).toBeLessThan(500)
          expect.soft(answer.body.includes('untouchable'), about).toBe(false)
          attacked += 1
        }
    }
  expect(attacked).toBeGreaterThan(400)
  expect(await state()).toEqual(before)
})

test('SQL in the texts of an event is stored as it is, or refused where only an id may stand', async () => {
  const events = payloads.flatMap((text) => [
    { user_id: text, session_id: 's', properties: { screen: 'home' } },
    { user_id: 'member', session_id: text, properties: { screen: 'home' } },
    { user_id: 'member', session_id: 's', properties: { screen: text } },
  ])
  const ids = events.map(() => randomUUID())
  const answer = await platform.post(
    tenant,
    '/api/analytics/events',
    {
      events: events.map((event, i) => ({
        event_id: ids[i],
        type: 'screen_viewed',
        occurred_at: new Date().toISOString(),
        ...event,
      })),
    },
    'service',
  )
  expect(answer.body).toMatchObject({ accepted: payloads.length })
  await platform.settle()
  const { rows } = await platform.db.pool.query<{ screen: string }>(
    `select properties ->> 'screen' as screen from analytics.events where event_id = any($1)`,
    [ids],
  )
  expect(rows.map(({ screen }) => screen).sort()).toEqual([...payloads].sort())
})
