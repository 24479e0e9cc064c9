import { DateTime } from 'luxon'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readFacts } from '../../../db/churn/features.ts'
import { streamChurnScores } from '../../../db/churn/read.ts'
import { daysBetween, dueForScoring, scoreTenant } from '../../../db/churn/score.ts'
import { type Tenant, withTenant } from '../../../db/tenant.ts'
import { priorModel } from '../../../metrics/churn/prior.ts'
import { evaluateModel } from '../../../metrics/churn/train.ts'
import { createTwin } from '../../../sources/simulator/twin.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'

const timezone = 'America/St_Johns'
const yesterday = DateTime.now().setZone(timezone).minus({ days: 1 }).toISODate() ?? ''
const twin = createTwin({ seed: 7, members: 60, coaches: 3, days: 150, endDate: yesterday, timezone, churn: 0.5 })

interface Listed {
  as_of: string | null
  model: string | null
  totals: { members: number; high: number; medium: number; low: number }
  members: {
    user_id: string
    probability: number
    band: string
    reasons: { feature: string; text: string }[]
    days_since_last_action: number
    coach_id: string
    previous: number | null
  }[]
  next_cursor: string | null
}

let platform: Platform
let tenant: Tenant
beforeAll(async () => {
  platform = await openPlatform()
  tenant = await platform.createTenant({ slug: 'twin', timezone })
  await platform.send(tenant, twin.events)
  await platform.settle()
  // The import is over: what arrived in it arrived a while ago.
  await platform.db.pool.query(`update analytics.events set received_at = received_at - interval '1 hour'`)
}, 400_000)
afterAll(() => platform.close())

const list = async (query = '', role: 'admin' | 'coach' = 'admin', coachId?: string): Promise<Listed> => {
  const answer = await platform.get<Listed>(
    tenant,
    `/api/analytics/churn-risk${query}`,
    role,
    coachId === undefined ? {} : { coachId },
  )
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}

describe('scoring the twin', () => {
  test('before the first scoring the list is empty and says so', async () => {
    expect(await list()).toMatchObject({ as_of: null, model: null, members: [], next_cursor: null })
  })

  test('every closed day of the last quarter is scored, once', async () => {
    const due = await dueForScoring(platform.db.pool)
    expect(due.map(({ tenant_id, last_day }) => [tenant_id, last_day])).toEqual([[tenant.id, yesterday]])
    for (const one of due) {
      const { days, scores } = await scoreTenant(platform.db.pool, one)
      expect(days).toBe(90)
      expect(scores).toBeGreaterThan(1000)
    }
    await platform.settle()
    expect(await dueForScoring(platform.db.pool)).toEqual([])
    const answer = await list('?limit=500')
    expect(answer.as_of).toBe(yesterday)
    expect(answer.totals.members).toBe(answer.members.length)
    const { high, medium, low } = answer.totals
    expect(high + medium + low).toBe(answer.members.length)
  })

  test('pages of any size are the list, in order; the stream for exports is the same', async () => {
    const whole = (await list('?limit=500')).members
    const paged: typeof whole = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: Listed = await list(`?limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`)
      paged.push(...page.members)
      cursor = page.next_cursor
    }
    expect(paged).toEqual(whole)
    expect(whole.map(({ probability }) => probability)).toEqual(
      whole.map(({ probability }) => probability).sort((a, b) => b - a),
    )
    const streamed = await withTenant(platform.db.pool, tenant.id, async (client) => {
      const rows = []
      for await (const row of streamChurnScores(client)) rows.push(row)
      return rows
    })
    expect(streamed.map(({ user_id, probability }) => [user_id, probability])).toEqual(
      whole.map(({ user_id, probability }) => [user_id, probability]),
    )
  })

  test('a coach sees the own members only, whatever is asked for', async () => {
    const all = (await list('?limit=500')).members
    const own = await list('?limit=500&coach=coach-1', 'coach', 'coach-2')
    expect(own.members).toEqual(all.filter(({ coach_id }) => coach_id === 'coach-2'))
    expect(own.totals.members).toBe(own.members.length)
    const foreign = all.find(({ coach_id }) => coach_id === 'coach-1')?.user_id
    const path = `/api/analytics/churn-risk/members/${foreign}`
    expect((await platform.get(tenant, path, 'coach', { coachId: 'coach-2' })).status).toBe(404)
    expect((await platform.get<{ scores: unknown[] }>(tenant, path)).body.scores.length).toBeGreaterThan(10)
  })

  test('filters, and cursors that are none', async () => {
    const all = (await list('?limit=500')).members
    const low = await list('?limit=500&band=low')
    expect(low.members).toEqual(all.filter(({ band }) => band === 'low'))
    const bad = await platform.get(tenant, '/api/analytics/churn-risk?cursor=nonsense')
    expect(bad.status).toBe(400)
  })

  test('another tenant sees nothing of it', async () => {
    const other = await platform.createTenant({ slug: 'other' })
    const { body } = await platform.get<Listed>(other, '/api/analytics/churn-risk')
    expect(body).toMatchObject({ as_of: null, members: [] })
    const member = twin.members[0]?.user_id
    expect((await platform.get(other, `/api/analytics/churn-risk/members/${member}`)).status).toBe(404)
  })

  test('the model says that it is the prior', async () => {
    const { body } = await platform.get(tenant, '/api/analytics/churn-risk/model')
    expect(body).toMatchObject({ in_use: { name: 'prior-2', evaluation: null }, last_attempt: null, horizon_days: 30 })
  })

  test('members who fell silent were ranked above those who stayed, better than by recency', async () => {
    const at = (ago: number): string => DateTime.fromISO(yesterday).minus({ days: ago }).toISODate() ?? ''
    const days = daysBetween(at(86), at(30), 7)
    const rows = await readFacts(platform.db.pool, { tenantId: tenant.id, days, knownDay: yesterday })
    const observations = rows.flatMap(({ user_id, day, churned, ...facts }) =>
      churned === null ? [] : [{ user_id, day, churned, facts }],
    )
    const { churned, model, recency } = evaluateModel(priorModel, observations)
    expect(churned).toBeGreaterThan(5)
    expect(model.auc).toBeGreaterThan(0.75)
    expect(model.auc).toBeGreaterThan(recency.auc ?? 1)
  })
})
