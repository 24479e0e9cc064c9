import { activeGoals } from './active-goals.ts'
import { activeMembers } from './active-members.ts'
import { activeMinutes } from './active-minutes.ts'
import { aiNudgeBaseline } from './ai-nudge-baseline.ts'
import { aiNudgeDirectShare } from './ai-nudge-direct-share.ts'
import { aiNudgeEffectiveness } from './ai-nudge-effectiveness.ts'
import { aiNudgeInfluencedShare } from './ai-nudge-influenced-share.ts'
import { aiNudgeLift } from './ai-nudge-lift.ts'
import { aiSessionResponseRate } from './ai-session-response-rate.ts'
import { aiSessionSatisfaction } from './ai-session-satisfaction.ts'
import { aiSessionTopTwoShare } from './ai-session-top-two-share.ts'
import { arpu } from './arpu.ts'
import { arr } from './arr.ts'
import { averageChurnRisk } from './average-churn-risk.ts'
import { averageStreakDays } from './average-streak-days.ts'
import { churnMrr } from './churn-mrr.ts'
import { completedGoals } from './completed-goals.ts'
import { contractionMrr } from './contraction-mrr.ts'
import { d1Retention } from './d1-retention.ts'
import { d7Retention } from './d7-retention.ts'
import { d30Retention } from './d30-retention.ts'
import { dau } from './dau.ts'
import { expansionMrr } from './expansion-mrr.ts'
import { goalCompletionRate } from './goal-completion-rate.ts'
import { grossMrrChurnRate } from './gross-mrr-churn-rate.ts'
import { habitAdherenceScore } from './habit-adherence-score.ts'
import { habitCompletionRate } from './habit-completion-rate.ts'
import { highRiskMembers } from './high-risk-members.ts'
import { highRiskShare } from './high-risk-share.ts'
import { ltv } from './ltv.ts'
import { mau } from './mau.ts'
import { messageResponseTime } from './message-response-time.ts'
import { messageResponseTimeP90 } from './message-response-time-p90.ts'
import { messageResponseTimeP95 } from './message-response-time-p95.ts'
import type { Metric } from './metric.ts'
import { mrrFxAdjustment } from './mrr-fx-adjustment.ts'
import { mrrLedgerResidual } from './mrr-ledger-residual.ts'
import { mrrQuarterlyGrowth } from './mrr-quarterly-growth.ts'
import { netMrr } from './net-mrr.ts'
import { netMrrChurnRate } from './net-mrr-churn-rate.ts'
import { netNewMrr } from './net-new-mrr.ts'
import { newMrr } from './new-mrr.ts'
import { oneTimeRevenue } from './one-time-revenue.ts'
import { payingCustomers } from './paying-customers.ts'
import { quickRatio } from './quick-ratio.ts'
import { reactivationMrr } from './reactivation-mrr.ts'
import { sessionsPerUser } from './sessions-per-user.ts'
import { stickiness } from './stickiness.ts'
import { subscriberChurnRate } from './subscriber-churn-rate.ts'
import { trialConversionRate } from './trial-conversion-rate.ts'
import { unansweredOverSla } from './unanswered-over-sla.ts'
import { wau } from './wau.ts'
import { weekNRetention } from './week-n-retention.ts'
import { withinSlaShare } from './within-sla-share.ts'

/** Every metric of the platform; a metric that is not listed here does not exist. */
export const metrics: readonly Metric[] = [
  activeMembers,
  dau,
  wau,
  mau,
  stickiness,
  activeMinutes,
  sessionsPerUser,
  activeGoals,
  completedGoals,
  goalCompletionRate,
  d1Retention,
  d7Retention,
  d30Retention,
  weekNRetention,
  habitAdherenceScore,
  habitCompletionRate,
  averageStreakDays,
  aiNudgeEffectiveness,
  aiNudgeDirectShare,
  aiNudgeInfluencedShare,
  aiNudgeBaseline,
  aiNudgeLift,
  aiSessionSatisfaction,
  aiSessionTopTwoShare,
  aiSessionResponseRate,
  messageResponseTime,
  messageResponseTimeP90,
  messageResponseTimeP95,
  withinSlaShare,
  unansweredOverSla,
  highRiskShare,
  highRiskMembers,
  averageChurnRisk,
  netMrr,
  netNewMrr,
  newMrr,
  reactivationMrr,
  expansionMrr,
  contractionMrr,
  churnMrr,
  mrrFxAdjustment,
  arr,
  grossMrrChurnRate,
  netMrrChurnRate,
  quickRatio,
  mrrQuarterlyGrowth,
  payingCustomers,
  arpu,
  subscriberChurnRate,
  ltv,
  trialConversionRate,
  oneTimeRevenue,
  mrrLedgerResidual,
]

const byName = new Map(metrics.map((metric) => [metric.name, metric]))

export const findMetric = (name: string): Metric | undefined => byName.get(name)
