import type { FastifyPluginAsync } from 'fastify'
import { currentKey, type MasterKey } from '../../../db/secrets.ts'
import { embedKeyOf } from '../../security/embeds.ts'
import { aiNudgeRoutes } from './ai-nudges.ts'
import { alertRoutes } from './alerts.ts'
import { auditLogRoutes } from './audit-log.ts'
import { churnRiskRoutes } from './churn-risk.ts'
import { coachRoutes } from './coaches.ts'
import { cohortDeepDiveRoutes } from './cohort-deep-dive.ts'
import { cohortRevenueRoutes } from './cohort-revenue.ts'
import { cohortRoutes } from './cohorts.ts'
import { compositionRoutes } from './compositions.ts'
import { embedRoutes } from './embeds.ts'
import { eventRoutes } from './events.ts'
import { exportRoutes } from './exports/index.ts'
import { heatmapRoutes } from './heatmap.ts'
import { memberRoutes } from './members.ts'
import { metricRoutes } from './metrics.ts'
import type { AnalyticsOptions } from './options.ts'
import { responseTimeRoutes } from './response-times.ts'
import { revenueRoutes } from './revenue.ts'
import { sessionRoutes } from './session.ts'
import { tenantContexts } from './tenant-context.ts'

/** Everything below /api/analytics. */
export const analytics: FastifyPluginAsync<{
  masterKey: MasterKey
  ingested?: () => void
  erasing?: () => void
  exportRequested?: () => void
}> = async (app, options) => {
  const shared: AnalyticsOptions = {
    contextOf: tenantContexts(app.deps.database, options.masterKey),
    ingested: options.ingested ?? (() => undefined),
    erasing: options.erasing ?? (() => undefined),
    exportRequested: options.exportRequested ?? (() => undefined),
  }
  await app.register(
    async (scope) => {
      await scope.register(eventRoutes, shared)
      await scope.register(sessionRoutes, shared)
      await scope.register(memberRoutes, shared)
      await scope.register(auditLogRoutes, shared)
      await scope.register(embedRoutes, { ...shared, embedKey: embedKeyOf(currentKey(options.masterKey)) })
      await scope.register(metricRoutes, shared)
      await scope.register(compositionRoutes, shared)
      await scope.register(heatmapRoutes, shared)
      await scope.register(cohortRoutes, shared)
      await scope.register(cohortDeepDiveRoutes, shared)
      await scope.register(coachRoutes, shared)
      await scope.register(aiNudgeRoutes, shared)
      await scope.register(responseTimeRoutes, shared)
      await scope.register(revenueRoutes, shared)
      await scope.register(exportRoutes, shared)
      await scope.register(cohortRevenueRoutes, shared)
      await scope.register(churnRiskRoutes, shared)
      await scope.register(alertRoutes, shared)
    },
    { prefix: '/api/analytics' },
  )
}
