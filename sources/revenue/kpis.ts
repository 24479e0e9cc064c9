/**
 * Revenue ratios as plain functions: the reference the SQL metrics are checked against, and the place where the vendors'
 * worked examples are reproduced. Amounts may be in any one unit. Nothing to divide by gives null, never 0.
 */
type Amount = number | bigint

const ratio = (numerator: number, denominator: number): number | null =>
  denominator === 0 ? null : numerator / denominator
const all = (...amounts: Amount[]): number => amounts.reduce<number>((total, amount) => total + Number(amount), 0)

/** A period's movements as sizes (contraction and churn positive), and the MRR it started with. */
export type PeriodMovements = {
  start: Amount
  new: Amount
  reactivation: Amount
  expansion: Amount
  contraction: Amount
  churn: Amount
}

export const netNewMrr = (period: Omit<PeriodMovements, 'start'>): number =>
  all(period.new, period.reactivation, period.expansion) - all(period.contraction, period.churn)

export const endingMrr = (period: PeriodMovements): number => Number(period.start) + netNewMrr(period)

/** Growth over the MRR at the start (target: 0.15 per quarter). */
export const mrrGrowthRate = (period: PeriodMovements): number | null => ratio(netNewMrr(period), Number(period.start))

/** (churn + contraction) / MRR at the start (ChartMogul). What was won and lost within the period counts as lost. */
export const grossMrrChurnRate = (period: Pick<PeriodMovements, 'start' | 'contraction' | 'churn'>): number | null =>
  ratio(all(period.churn, period.contraction), Number(period.start))

/** (churn + contraction − expansion − reactivation) / MRR at the start (ChartMogul); negative when the base grows by itself. */
export const netMrrChurnRate = (period: Omit<PeriodMovements, 'new'>): number | null =>
  ratio(all(period.churn, period.contraction) - all(period.expansion, period.reactivation), Number(period.start))

/** (new + reactivation + expansion) / (contraction + churn); null when nothing was lost. 4 is called strong. */
export const quickRatio = (period: Omit<PeriodMovements, 'start'>): number | null =>
  ratio(all(period.new, period.reactivation, period.expansion), all(period.contraction, period.churn))

/** Churned in the last 30 days / (active 30 days ago + new in the last 30 days) (Stripe). */
export const subscriberChurnRate = (window: { churned: number; active_before: number; new: number }): number | null =>
  ratio(window.churned, window.active_before + window.new)

/** MRR per paying customer; one customer however many subscriptions. */
export const arpu = (mrr: Amount, payingCustomers: number): number | null => ratio(Number(mrr), payingCustomers)

/** ARPU / subscriber churn rate (Stripe); null while nobody churns, since nothing then bounds a lifetime. */
export const ltv = (arpuAmount: number | null, churnRate: number | null): number | null =>
  arpuAmount === null || churnRate === null ? null : ratio(arpuAmount, churnRate)

export const arr = (mrr: Amount): number => 12 * Number(mrr)

/** Trials converted in a window / trials that ended in it (Stripe); late converters can take it above 1. */
export const trialConversionRate = (window: { converted: number; ended: number }): number | null =>
  ratio(window.converted, window.ended)
