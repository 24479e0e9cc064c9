import { aggregateStale } from './aggregate-stale.ts'
import { chatSlaBreach } from './chat-sla-breach.ts'
import { churnMrrAboveBand } from './churn-mrr-above-band.ts'
import { coachBookAtRisk } from './coach-book-at-risk.ts'
import { highRiskShare } from './high-risk-share.ts'
import { highRiskShareJump } from './high-risk-share-jump.ts'
import { ingestStopped } from './ingest-stopped.ts'
import { jobFailing } from './job-failing.ts'
import { mrrLedgerResidualAlert } from './mrr-ledger-residual.ts'
import type { AlertRule } from './rule.ts'
import { streakBreakers } from './streak-breakers.ts'
import { wauDrop } from './wau-drop.ts'

/** Every alert rule of the platform, in the order in which they are shown. */
export const alertRules: readonly AlertRule[] = [
  highRiskShare,
  highRiskShareJump,
  coachBookAtRisk,
  wauDrop,
  chatSlaBreach,
  streakBreakers,
  churnMrrAboveBand,
  mrrLedgerResidualAlert,
  ingestStopped,
  aggregateStale,
  jobFailing,
]
