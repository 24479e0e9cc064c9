import { cuttable, type Metric } from './metric.ts'

/** The headline metrics, in their order: cards of the API's overview and its export, and Grafana's executive overview. */
export const overviewMetrics = [
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

/** Those that can be cut by what members have; money cannot, its `plan` is the billing provider's. */
export const overviewCutBy = (metrics: readonly Metric[], dimensions: readonly string[]): Metric[] =>
  cuttable(metrics, dimensions).filter(({ category }) => dimensions.length === 0 || category !== 'revenue')
