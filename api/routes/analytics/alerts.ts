import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type pg from 'pg'
import { z } from 'zod'
import { observeAlert, readAlertStates } from '../../../db/alerts/read.ts'
import { type Tenant, withTenant } from '../../../db/tenant.ts'
import { alertRules } from '../../../metrics/alerts/catalog.ts'
import type { AlertRule } from '../../../metrics/alerts/rule.ts'
import { thresholdOf } from '../../../metrics/alerts/settings.ts'
import { evaluateAlert } from '../../../metrics/alerts/state.ts'
import { type alertSchema, alertsAnswerSchema } from '../../schemas/alerts.ts'
import type { Principal } from '../../security/principal.ts'
import { describeUnit, mayRead } from './describe.ts'
import type { AnalyticsOptions } from './options.ts'

type Alert = z.infer<typeof alertSchema>

/** The most urgent first. */
const urgency = { firing: 0, pending: 1, no_data: 2, ok: 3 } as const

/** Each alert rule's current state, evaluated now; `since` is what the worker has kept. */
export const alertRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf }) => {
  app.get(
    '/alerts',
    {
      config: { roles: ['admin', 'coach', 'finance'], heavyRead: true, audit: 'alerts.read' },
      schema: {
        tags: ['alerts'],
        summary: 'The current state of every alert rule',
        description:
          'Evaluated when asked. A coach sees what concerns the own members, finance the revenue rules. The worker keeps the same state and posts changes to the tenant’s webhook (docs/alerts.md).',
        querystring: z.strictObject({
          state: z.enum(['ok', 'pending', 'firing', 'no_data']).optional().describe('Only alerts in this state.'),
        }),
        response: { 200: alertsAnswerSchema },
      },
    },
    async (request, reply) => {
      const { principal } = request
      const { state } = request.query
      const { tenant } = await contextOf(principal.tenantId)
      return reply.sendCached({
        key: { state, settings: tenant.settings },
        sources: ['kpi'],
        ttlSeconds: 15,
        produce: () =>
          withTenant(app.deps.database.pool, tenant.id, async (client) => {
            const now = new Date()
            const alerts = await readAlerts(client, tenant, principal, now)
            return {
              evaluated_at: now.toISOString(),
              firing: alerts.filter((alert) => alert.state === 'firing').length,
              alerts: alerts.filter((alert) => state === undefined || alert.state === state),
            }
          }),
      })
    },
  )
}

async function readAlerts(client: pg.ClientBase, tenant: Tenant, principal: Principal, now: Date): Promise<Alert[]> {
  const kept = await readAlertStates(client)
  const alerts: Alert[] = []
  for (const rule of alertRules) {
    const threshold = thresholdOf(rule, tenant.settings)
    if (threshold === undefined || !mayRead(principal.role, rule)) continue
    const observations = await observeAlert(client, rule, now)
    const { standings } = evaluateAlert(rule, threshold, kept.get(rule.name) ?? [], observations, now.toISOString())
    for (const standing of standings) {
      if (principal.coachId !== undefined && standing.labels.coach !== principal.coachId) continue
      alerts.push({ ...describeAlert(rule, tenant, threshold), ...standing, labels: { ...standing.labels } })
    }
  }
  return alerts.sort((a, b) => urgency[a.state] - urgency[b.state])
}

function describeAlert(rule: AlertRule, tenant: Tenant, threshold: number) {
  return {
    rule: rule.name,
    title: rule.title,
    category: rule.category,
    severity: rule.severity,
    threshold,
    for_seconds: rule.forSeconds,
    unit: describeUnit(rule, tenant),
    description: rule.description,
    action: rule.action,
  }
}
