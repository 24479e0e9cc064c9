import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { embedDashboards } from '../../../api/schemas/embeds.ts'
import { embedKeyOf, signEmbed } from '../../../api/security/embeds.ts'
import type { Tenant } from '../../../db/tenant.ts'
import { busyTenant } from '../../support/busy-tenant.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'

let platform: Platform
let tenant: Tenant
beforeAll(async () => {
  platform = await openPlatform({ env: { PUBLIC_URL: 'https://analytics.example.com' } })
  tenant = await platform.createTenant({ slug: 'embeds', settings: { 'feature.analytics_v2': true } })
  await platform.send(tenant, busyTenant({ end: Date.now(), mark: 'x' }))
  await platform.settle()
})
afterAll(() => platform.close())

type Made = { url: string; token: string; expires_at: string }
async function make(body: Record<string, unknown>, role: 'admin' | 'coach' | 'finance' = 'admin') {
  const answer = await platform.post(tenant, '/api/analytics/embeds', body, role)
  return { status: answer.status, body: answer.body as Made & { code: string } }
}
async function read(token: string, path: string, method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' = 'GET') {
  const url = `/api/analytics${path}`
  const response = await platform.app.inject({ method, url, headers: { authorization: `Bearer ${token}` } })
  return { status: response.statusCode, body: response.json(), text: response.body }
}

describe('an embed link', () => {
  test('reads what its dashboard needs, and nothing else', async () => {
    for (const [dashboard, { reads, roles }] of Object.entries(embedDashboards)) {
      const coach = roles.some((role) => role === 'admin') ? {} : { coach_id: 'coach-1' }
      const { status, body } = await make({ dashboard, ...coach })
      expect(status, dashboard).toBe(201)
      expect(body.url).toMatch(`https://analytics.example.com/embed/${dashboard}#token=`)
      const own = reads.filter((path) => !path.includes(':') && !path.endsWith('movements'))
      for (const path of own) expect((await read(body.token, path)).status, `${dashboard} ${path}`).toBe(200)
      const others = [
        '/metrics',
        '/metrics/wau',
        '/overview',
        '/coaches',
        '/revenue',
        '/alerts',
        '/churn-risk/members/x',
      ]
      for (const path of others.filter((other) => !reads.some((known) => known === other))) {
        const refused = await read(body.token, path)
        expect([refused.status, refused.body.code], `${dashboard} ${path}`).toEqual([
          403,
          expect.stringMatching(/embed_scope|role_not_allowed/),
        ])
      }
      for (const path of ['/embeds', '/events', '/exports'])
        expect((await read(body.token, path, 'POST')).status, path).toBeGreaterThanOrEqual(400)
    }
  })

  test('has its filters locked: left out, changed or doubled they are the same or refused', async () => {
    const { body } = await make({ dashboard: 'engagement', filters: { plan: ['plus-x'] } })
    const query = 'granularity=month&from=2020-01-01'.replace(
      '2020-01-01',
      new Date(Date.now() - 60 * 864e5).toISOString().slice(0, 10),
    )
    const locked = await read(body.token, `/engagement?${query}`)
    const same = await platform.get(tenant, `/api/analytics/engagement?${query}&filter[plan]=plus-x`)
    const all = await platform.get(tenant, `/api/analytics/engagement?${query}`)
    const seriesOf = (answer: unknown) =>
      (answer as { metrics: { series: unknown }[] }).metrics.map(({ series }) => series)
    expect(seriesOf(locked.body)).toEqual(seriesOf(same.body))
    expect(seriesOf(locked.body)).not.toEqual(seriesOf(all.body))
    for (const attempt of ['filter[plan]=free-x', 'filter[plan]=', 'filter[coach]=coach-2', 'filter%5Bplan%5D=pro-x'])
      expect((await read(body.token, `/engagement?${query}&${attempt}`)).body.code, attempt).toBe('embed_scope')
    const session = await read(body.token, '/session')
    expect(session.body).toMatchObject({ embed: { dashboard: 'engagement', filters: { plan: ['plus-x'] } } })
  })

  const hostile = Object.entries(embedDashboards).flatMap(([dashboard, { reads, filters, roles }]) =>
    filters.map((dimension) => ({ dashboard, dimension, roles, reads: reads.filter((path) => !path.includes(':')) })),
  )
  test.each(hostile)('of $dashboard holds a locked $dimension against whoever has it', async (link) => {
    const { dashboard, dimension, reads, roles } = link
    const asCoach = !roles.some((role) => role === 'admin')
    const locked = { filters: { [dimension]: ['nobody-has-this'] } }
    const { status, body } = await make({ dashboard, ...locked, ...(asCoach ? { coach_id: 'coach-1' } : {}) })
    expect(status).toBe(201)
    for (const path of reads) {
      const own = path.endsWith('movements') ? `?date=${new Date().toISOString().slice(0, 10)}` : ''
      const mark = own ? '&' : '?'
      const asked = await read(body.token, path + own)
      const whole = asCoach ? 'coach' : 'admin'
      const cut = `${path}${own}${mark}filter[${dimension}]=nobody-has-this`
      // The model behind the scores is the tenant's: nothing to cut.
      if (path !== '/churn-risk/model') {
        const same = await platform.get(tenant, `/api/analytics${cut}`, whole)
        expect([asked.status, same.status], path).toEqual([200, 200])
        const without = (answer: object) => ({ ...answer, fresh_until: null })
        const numbers = (answer: unknown) =>
          JSON.stringify(without(answer as object)).replaceAll(/"fresh_until":"[^"]*"/g, '')
        expect(numbers(asked.body), path).toBe(numbers(same.body))
        expect(asked.text, path).not.toMatch(/"(user_id|customer)":/)
      }
      for (const attempt of [
        `filter[${dimension}]=`,
        `filter[${dimension}]=plus-x`,
        `filter%5B${dimension}%5D=plus-x`,
        `filter[plan]=plus-x&filter[plan]=free-x`,
        'filter[provider]=stripe',
        'coach=coach-2',
      ])
        expect((await read(body.token, `${path}${own}${mark}${attempt}`)).body.code, `${path} ${attempt}`).toBe(
          'embed_scope',
        )
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
        const refused = (await read(body.token, path + own, method)).status
        expect([401, 403, 404, 405], `${method} ${path}`).toContain(refused)
      }
    }
  })

  test('reads its own tenant whatever a request names', async () => {
    const other = await platform.createTenant({ slug: 'other', settings: { 'feature.analytics_v2': true } })
    await platform.send(other, busyTenant({ end: Date.now(), mark: 'y' }))
    await platform.settle()
    const { body } = await make({ dashboard: 'churn' })
    const url = '/api/analytics/churn-risk'
    const named = await platform.app.inject({
      url,
      headers: { authorization: `Bearer ${body.token}`, 'x-tenant-id': other.id, host: 'other.example.com' },
    })
    expect(named.json()).toEqual((await read(body.token, '/churn-risk')).body)
    for (const query of [`tenant_id=${other.id}`, 'tenant=other'])
      expect((await read(body.token, `/churn-risk?${query}`)).body.code).toBe('validation_failed')
    const foreign = await platform.get(other, url)
    expect((await read(body.token, '/session')).body).toMatchObject({ tenant: { slug: 'embeds' } })
    expect(foreign.status).toBe(200)
  })

  test('of a coach shows that coach’s members, and the other coaches without a name', async () => {
    const { body } = await make({ dashboard: 'coaches', coach_id: 'coach-2' })
    const { coaches } = (await read(body.token, '/coaches')).body as {
      coaches: { coach_id: string | null; own: boolean }[]
    }
    expect(coaches.filter(({ own }) => own).map(({ coach_id }) => coach_id)).toEqual(['coach-2'])
    expect(coaches.filter(({ coach_id }) => coach_id !== null)).toHaveLength(1)
    expect((await read(body.token, '/churn-risk?coach=coach-1')).status).toBe(403)
  })

  test('is made only for what its maker may see, while the dashboards are on', async () => {
    expect((await make({ dashboard: 'revenue' }, 'coach')).body.code).toBe('role_not_allowed')
    expect((await make({ dashboard: 'engagement' }, 'finance')).body.code).toBe('role_not_allowed')
    expect((await make({ dashboard: 'today', coach_id: 'coach-1' }, 'finance')).body.code).toBe('role_not_allowed')
    expect((await make({ dashboard: 'today', coach_id: 'coach-2' }, 'coach')).body.code).toBe('role_not_allowed')
    expect((await make({ dashboard: 'today' }, 'coach')).status).toBe(201)
    expect((await make({ dashboard: 'revenue' }, 'finance')).status).toBe(201)
    expect((await make({ dashboard: 'revenue', filters: { coach: ['x'] } })).body.code).toBe('validation_failed')
    expect((await make({ dashboard: 'engagement', expires_in_seconds: 864_000 })).body.code).toBe('validation_failed')
    const off = await platform.createTenant({ slug: 'embeds-off' })
    const refused = await platform.post(off, '/api/analytics/embeds', { dashboard: 'engagement' }, 'admin')
    expect((refused.body as { code: string }).code).toBe('feature_off')
  })

  test('ends, and cannot be forged or used as another kind of token', async () => {
    const key = embedKeyOf(platform.masterKey)
    const grant = {
      sub: 'embed:x',
      tenantId: tenant.id,
      role: 'admin',
      scope: { dashboard: 'engagement', filters: {} },
    } as const
    const old = await signEmbed({ ...grant, expiresAt: new Date(Date.now() - 1000) }, key)
    expect((await read(old, '/engagement')).body.code).toBe('token_expired')
    const other = await signEmbed(
      { ...grant, expiresAt: new Date(Date.now() + 60_000) },
      embedKeyOf(Buffer.alloc(32, 1)),
    )
    expect((await read(other, '/engagement')).body.code).toBe('token_invalid')
    // The same signature without the type: the key of embeds must not sign people in.
    const plain = await new SignJWT({ tenant_id: tenant.id, role: 'admin' })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setSubject('x')
      .setAudience('upcoach-embed')
      .setExpirationTime('5m')
      .sign(key)
    expect((await read(plain, '/engagement')).body.code).toBe('token_invalid')
    const [head = '', payload = '', signature = ''] = (await make({ dashboard: 'engagement' })).body.token.split('.')
    const wider = Buffer.from(payload, 'base64url').toString().replace('"engagement"', '"revenue"')
    const forged = `${head}.${Buffer.from(wider).toString('base64url')}.${signature}`
    expect((await read(forged, '/revenue')).body.code).toBe('token_invalid')
  })
})
