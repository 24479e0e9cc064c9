/** One member and day of which the outcome is known: what was predicted, and whether the member churned. */
export interface Outcome {
  readonly score: number
  readonly churned: boolean
}

/** Predicted and observed churn of one tenth of the observations, ordered by prediction. */
export interface Decile {
  readonly predicted: number
  readonly observed: number
  readonly observations: number
}

/** Probability that one who churned scores above one who did not; ties count half (Mann–Whitney). null with one class only. */
export function auc(outcomes: readonly Outcome[]): number | null {
  const sorted = [...outcomes].sort((a, b) => a.score - b.score)
  let ranks = 0
  let positives = 0
  for (let i = 0; i < sorted.length; ) {
    let end = i
    let churned = 0
    while (end < sorted.length && sorted[end]?.score === sorted[i]?.score) {
      if (sorted[end]?.churned) churned += 1
      end += 1
    }
    // midrank of the tied
    ranks += churned * ((i + 1 + end) / 2)
    positives += churned
    i = end
  }
  const negatives = sorted.length - positives
  if (positives === 0 || negatives === 0) return null
  return (ranks - (positives * (positives + 1)) / 2) / (positives * negatives)
}

/**
 * Share of churners among the tenth with the highest scores, divided by the share among all. Where ties straddle the tenth's
 * edge, they count in proportion. null when nobody churned.
 */
export function topDecileLift(outcomes: readonly Outcome[]): number | null {
  const total = outcomes.length
  const churned = outcomes.filter((outcome) => outcome.churned).length
  if (churned === 0) return null
  const size = total / 10
  const groups = new Map<number, { observations: number; churned: number }>()
  for (const { score, churned } of outcomes) {
    const group = groups.get(score) ?? { observations: 0, churned: 0 }
    group.observations += 1
    group.churned += churned ? 1 : 0
    groups.set(score, group)
  }
  let left = size
  let found = 0
  for (const [, group] of [...groups].sort(([a], [b]) => b - a)) {
    const taken = Math.min(left, group.observations)
    found += (group.churned * taken) / group.observations
    left -= taken
    if (left <= 0) break
  }
  return found / size / (churned / total)
}

/** Mean squared error of probabilities. null without outcomes. */
export function brier(outcomes: readonly Outcome[]): number | null {
  if (outcomes.length === 0) return null
  return outcomes.reduce((sum, { score, churned }) => sum + (score - (churned ? 1 : 0)) ** 2, 0) / outcomes.length
}

/** Tenths of the observations by prediction, lowest first; fewer when there are fewer than ten observations. */
export function deciles(outcomes: readonly Outcome[]): Decile[] {
  const sorted = [...outcomes].sort((a, b) => a.score - b.score || Number(a.churned) - Number(b.churned))
  return Array.from({ length: 10 }, (_, i) =>
    sorted.slice(Math.round((i * sorted.length) / 10), Math.round(((i + 1) * sorted.length) / 10)),
  )
    .filter((part) => part.length > 0)
    .map((part) => ({
      predicted: part.reduce((sum, { score }) => sum + score, 0) / part.length,
      observed: part.filter(({ churned }) => churned).length / part.length,
      observations: part.length,
    }))
}

/** Mean |predicted − observed| over the deciles, weighted by their sizes. null without outcomes. */
export function calibrationError(outcomes: readonly Outcome[]): number | null {
  if (outcomes.length === 0) return null
  return deciles(outcomes).reduce(
    (sum, { predicted, observed, observations }) =>
      sum + (Math.abs(predicted - observed) * observations) / outcomes.length,
    0,
  )
}

/** What is stored and shown of a model on a holdout. */
export interface Evaluation {
  /** First and last local day scored. */
  readonly from: string
  readonly to: string
  readonly observations: number
  readonly churned: number
  readonly base_rate: number | null
  readonly model: {
    readonly auc: number | null
    readonly top_decile_lift: number | null
    readonly brier: number | null
    readonly calibration_error: number | null
    readonly deciles: readonly Decile[]
  }
  /** Days since the last action alone: what a model must beat. */
  readonly recency: { readonly auc: number | null; readonly top_decile_lift: number | null }
}

/** Evaluates predicted probabilities, and days since the last action beside them, on the same observations. */
export function evaluate(
  observations: readonly {
    readonly day: string
    readonly probability: number
    readonly days_since: number
    readonly churned: boolean
  }[],
): Evaluation {
  const predicted = observations.map(({ probability, churned }) => ({ score: probability, churned }))
  const recency = observations.map(({ days_since, churned }) => ({ score: days_since, churned }))
  const days = observations.map(({ day }) => day).sort()
  const churned = predicted.filter((outcome) => outcome.churned).length
  return {
    from: days[0] ?? '',
    to: days.at(-1) ?? '',
    observations: observations.length,
    churned,
    base_rate: observations.length === 0 ? null : churned / observations.length,
    model: {
      auc: auc(predicted),
      top_decile_lift: topDecileLift(predicted),
      brier: brier(predicted),
      calibration_error: calibrationError(predicted),
      deciles: deciles(predicted),
    },
    recency: { auc: auc(recency), top_decile_lift: topDecileLift(recency) },
  }
}
