import { dashboard } from '../dashboard.ts'
import { over, stat, targets, together } from '../panels.ts'
import { tenantVariables } from '../variables.ts'

const filters = ['plan', 'coach'] as const
const options = { filters }

/** The cards of the API's overview, in its order. */
export const cards = [
  'wau',
  'mau',
  'stickiness',
  'active_minutes',
  'sessions_per_user',
  'goal_completion_rate',
  'habit_adherence_score',
  'average_streak_days',
  'ai_nudge_effectiveness',
  'ai_session_satisfaction',
  'message_response_time',
  'unanswered_over_sla',
  'd1_retention',
  'd7_retention',
  'd30_retention',
  'net_mrr',
  'arpu',
  'subscriber_churn_rate',
] as const

export const executiveOverview = dashboard({
  name: 'executive-overview',
  title: 'Executive overview',
  description: 'Every pillar at a glance: the latest period that is over, against targets and over time.',
  variables: tenantVariables(filters),
  rows: {
    'Now (latest period that is over)': cards.map((name) => stat(name, options)),
    Targets: [targets([...cards, 'mrr_quarterly_growth'], options)],
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
