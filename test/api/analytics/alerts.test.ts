import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Tenant } from '../../../db/tenant.ts'
import { alertRules } from '../../../metrics/alerts/catalog.ts'
import { busyTenant } from '../../support/busy-tenant.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'

interface Alerts {
  firing: number
  alerts: { rule: string; state: string; value: number | null; threshold: number; labels: Record<string, string> }[]
}

let platform: Platform
let tenant: Tenant
beforeAll(async () => {
  platform = await openPlatform()
  tenant = await platform.createTenant({ slug: 'busy', timezone: 'Asia/Kathmandu' })
  await platform.send(tenant, busyTenant({ end: Date.now(), mark: 'x' }))
  await platform.settle()
}, 180_000)
afterAll(() => platform.close())

const read = async (role: 'admin' | 'coach' | 'finance' = 'admin', query = ''): Promise<Alerts> => {
  const answer = await platform.get<Alerts>(tenant, `/api/analytics/alerts${query}`, role)
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}

describe('GET /alerts', () => {
  test('answers with every rule of the catalogue', async () => {
    const { alerts } = await read()
    expect(new Set(alerts.map(({ rule }) => rule))).toEqual(new Set(alertRules.map(({ name }) => name)))
    for (const alert of alerts) expect(alert.value === null, alert.rule).toBe(alert.state === 'no_data')
  })

  test('finance sees the revenue rules, a coach what concerns the own members', async () => {
    expect(new Set((await read('finance')).alerts.map(({ rule }) => rule))).toEqual(
      new Set(['churn_mrr_above_band', 'mrr_ledger_residual']),
    )
    expect((await read('coach')).alerts).toEqual([])
  })

  test('a tenant’s own threshold applies, and false switches a rule off', async () => {
    const own = await platform.createTenant({
      slug: 'own',
      settings: { 'alerts.aggregate_stale': 90, 'alerts.chat_sla_breach': false },
    })
    const { body } = await platform.get<Alerts>(own, '/api/analytics/alerts')
    expect(body.alerts.find(({ rule }) => rule === 'aggregate_stale')?.threshold).toBe(90)
    expect(body.alerts.some(({ rule }) => rule === 'chat_sla_breach')).toBe(false)
  })

  test('a state may be asked for', async () => {
    const { alerts } = await read('admin', '?state=ok')
    expect(new Set(alerts.map(({ state }) => state))).toEqual(new Set(['ok']))
  })
})
