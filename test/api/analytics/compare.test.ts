import { afterAll, beforeAll, expect, test } from 'vitest'
import type { z } from 'zod'
import { aiNudgesAnswerSchema } from '../../../api/schemas/ai-nudges.ts'
import { coachesAnswerSchema } from '../../../api/schemas/coaches.ts'
import { cohortsAnswerSchema } from '../../../api/schemas/cohorts.ts'
import { kpisAnswerSchema, movementsAnswerSchema, revenueAnswerSchema } from '../../../api/schemas/revenue.ts'
import type { Tenant } from '../../../db/tenant.ts'
import type { Platform } from '../../support/platform.ts'
import { openSmallBusiness } from '../../support/small-business.ts'

let platform: Platform
let tenant: Tenant
beforeAll(async () => {
  ;({ platform, tenant } = await openSmallBusiness())
}, 300_000)
afterAll(() => platform?.close())

async function api<S extends z.ZodType>(path: string, schema: S, role: 'admin' | 'coach' = 'admin') {
  const { status, body } = await platform.get(tenant, `/api/analytics${path}`, role)
  expect(status, path).toBe(200)
  return schema.parse(body)
}
const day = (ago: number): string => new Date(Date.now() - ago * 864e5).toISOString().slice(0, 10)
const now = `from=${day(30)}&to=${day(0)}`
const before = `from=${day(60)}&to=${day(30)}`

test('the leaderboard has each coach’s period before', async () => {
  const compared = await api(`/coaches?${now}&compare=previous_period`, coachesAnswerSchema)
  const plain = await api(`/coaches?${before}`, coachesAnswerSchema)
  expect(compared.coaches.length).toBeGreaterThan(1)
  for (const { coach_id, previous } of compared.coaches) {
    const then = plain.coaches.find((coach) => coach.coach_id === coach_id)
    expect(previous).toEqual({
      goal_completion_rate: then?.goal_completion_rate,
      adjusted_rate: then?.adjusted_rate?.rate ?? null,
      habit_adherence_score: then?.habit_adherence_score,
      message_response_time: then?.message_response_time,
      ai_session_satisfaction: then?.ai_session_satisfaction,
    })
  }
  expect((await api(`/coaches?${now}`, coachesAnswerSchema)).coaches[0]).not.toHaveProperty('previous')
})

test('a leaderboard of fewer members is theirs, and a coach cannot ask for another by name', async () => {
  const all = await api(`/coaches?${now}`, coachesAnswerSchema)
  const one = await api(`/coaches?${now}&filter[coach]=coach-2`, coachesAnswerSchema)
  expect(one.coaches.map(({ coach_id }) => coach_id)).toEqual(['coach-2'])
  expect(one.coaches[0]?.members).toBe(all.coaches.find(({ coach_id }) => coach_id === 'coach-2')?.members)
  const plans = ['free', 'plus', 'pro', 'premium', 'basic', '']
  const cut = await Promise.all(plans.map((plan) => api(`/coaches?${now}&filter[plan]=${plan}`, coachesAnswerSchema)))
  const sum = (rows: typeof all.coaches) => rows.reduce((total, row) => total + row.completed_goals, 0)
  expect(cut.reduce((total, { coaches }) => total + sum(coaches), 0)).toBe(sum(all.coaches))
  const asCoach = await api(`/coaches?${now}&filter[coach]=coach-2`, coachesAnswerSchema, 'coach')
  expect(asCoach.coaches).toEqual([])
})

test('nudges and cohorts have the period before beside the range', async () => {
  const nudges = await api(`/ai/nudges?${now}&compare=previous_period`, aiNudgesAnswerSchema)
  const then = await api(`/ai/nudges?${before}`, aiNudgesAnswerSchema)
  expect(nudges.previous).toEqual({ range: then.range, total: then.total, personas: then.personas })
  const cohorts = await api(`/cohorts?from=${day(60)}&to=${day(30)}&compare=previous_period`, cohortsAnswerSchema)
  const { from, to } = cohorts.previous?.range ?? { from: '', to: '' }
  expect(to).toBe(cohorts.range.from)
  expect(cohorts.previous?.pooled).toEqual((await api(`/cohorts?from=${from}&to=${to}`, cohortsAnswerSchema)).pooled)
})

test('filters of money hold for cards, bridge and ledger rows, which add up plan by plan', async () => {
  const { plans, bridge } = await api('/revenue?granularity=month', revenueAnswerSchema)
  const last = bridge.findLast((row) => row.new !== null && row.new > 0)
  expect(plans.length).toBeGreaterThan(1)
  const path = `/revenue/movements?granularity=month&date=${last?.t}&type=new`
  const whole = await api(path, movementsAnswerSchema)
  let total = 0
  for (const { plan } of plans) {
    const filter = `&filter[plan]=${encodeURIComponent(plan)}`
    const rows = await api(path + filter, movementsAnswerSchema)
    expect(rows.movements.every((row) => row.plan === plan)).toBe(true)
    const cut = await api(`/revenue?granularity=month${filter}`, revenueAnswerSchema)
    expect(rows.total).toBe(cut.bridge.find(({ t }) => t === last?.t)?.new)
    total += rows.total ?? 0
    const { cards } = await api(`/revenue/kpis?granularity=month${filter}`, kpisAnswerSchema)
    const mrr = cards.find(({ name }) => name === 'net_mrr')
    expect(mrr?.value).toBe(cut.bridge.find(({ t }) => t === mrr?.period)?.end)
    expect(cards.map(({ name }) => name)).not.toContain('arpu')
  }
  expect(Math.abs(total - (whole.total ?? 0))).toBeLessThanOrEqual(plans.length)
})
