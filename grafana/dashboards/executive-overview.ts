import { overviewMetrics } from '../../metrics/overview.ts'
import { dashboard } from '../dashboard.ts'
import { over, stat, targets, together } from '../panels.ts'
import { inApi } from '../style.ts'
import { tenantVariables } from '../variables.ts'

const filters = ['plan', 'coach', 'cohort'] as const
const options = { filters }

export const executiveOverview = dashboard({
  name: 'executive-overview',
  title: 'Executive overview',
  description: 'Every pillar at a glance: the latest period that is over, against targets and over time.',
  variables: tenantVariables(filters),
  rows: {
    'Now (latest period that is over)': overviewMetrics.map((name) => stat(name, options)),
    Targets: [targets([...overviewMetrics, 'mrr_quarterly_growth'], options).links(inApi('dashboards/getOverview'))],
    'Over time': [
      over('net_mrr', options),
      together('Active members', ['dau', 'wau', 'mau'], options),
      over('goal_completion_rate', options),
      over('habit_adherence_score', options),
      over('ai_nudge_effectiveness', options),
      over('d7_retention', options),
    ],
  },
})
