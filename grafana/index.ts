import { stringify } from 'yaml'
import { contactPoints, ruleGroups } from './alerting.ts'
import type { DashboardFile } from './dashboard.ts'
import { aiNudges } from './dashboards/ai-nudges.ts'
import { allMetrics } from './dashboards/all-metrics.ts'
import { churnRisk } from './dashboards/churn-risk.ts'
import { coaches } from './dashboards/coaches.ts'
import { cohortsAndRetention } from './dashboards/cohorts-and-retention.ts'
import { engagementPulse } from './dashboards/engagement-pulse.ts'
import { executiveOverview } from './dashboards/executive-overview.ts'
import { goalsAndHabits } from './dashboards/goals-and-habits.ts'
import { platformOperations } from './dashboards/platform-operations.ts'
import { revenue } from './dashboards/revenue.ts'
import { datasources, providers } from './provisioning.ts'

export const dashboards: readonly DashboardFile[] = [
  executiveOverview,
  revenue,
  engagementPulse,
  goalsAndHabits,
  aiNudges,
  coaches,
  cohortsAndRetention,
  allMetrics,
  churnRisk,
  platformOperations,
]

const yaml = (content: unknown): string =>
  `# DO NOT EDIT: made by npm run grafana:build.\n${stringify(JSON.parse(JSON.stringify(content)), { lineWidth: 0, aliasDuplicateObjects: false })}`

/** Every file of `provisioning/`: path → content. The same input gives the same bytes. */
export function provisioningFiles(): Map<string, string> {
  const files = new Map([
    ['datasources/upcoach.yaml', yaml(datasources)],
    ['dashboards/upcoach.yaml', yaml(providers)],
    ['alerting/contact-points.yaml', yaml(contactPoints)],
    ['alerting/rules.yaml', yaml(ruleGroups(dashboards))],
  ])
  for (const { name, folder, build } of dashboards)
    files.set(`dashboards/${folder}/${name}.json`, `${JSON.stringify(markGenerated(build().build()), null, 2)}\n`)
  return files
}

/** JSON has no comments; Grafana shows this one in the dashboard's settings. */
function markGenerated<T extends { description?: string }>(dashboard: T): T {
  return {
    ...dashboard,
    description: `${dashboard.description ?? ''} DO NOT EDIT: made by npm run grafana:build.`.trim(),
  }
}
