import type { AlertRule, Labels } from './rule.ts'
import { type AlertStanding, evaluateAlert, labelsKey, type Observation } from './state.ts'

/** A time at which an alert would have fired. Instants are ISO. */
export interface Firing {
  readonly labels: Labels
  readonly from: string
  /** null: it was still firing at the end. */
  readonly to: string | null
  /** The highest value meanwhile. */
  readonly peak: number
}

/**
 * Plays the past of a rule through its states: `moments` are what was observed, in order of time. The same fold as the
 * worker's, so that a rehearsal and reality cannot disagree about what fires.
 */
export function rehearse(
  rule: Pick<AlertRule, 'forSeconds'>,
  threshold: number,
  moments: readonly { readonly time: string; readonly observations: readonly Observation[] }[],
): Firing[] {
  const firings: Firing[] = []
  const open = new Map<string, Firing>()
  let standings: readonly AlertStanding[] = []
  for (const { time, observations } of moments) {
    const result = evaluateAlert(rule, threshold, standings, observations, time)
    standings = result.standings
    for (const { status, labels, value } of result.changes) {
      const key = labelsKey(labels)
      const begun = open.get(key)
      if (status === 'firing') open.set(key, { labels, from: time, to: null, peak: value ?? threshold })
      else if (begun) {
        firings.push({ ...begun, to: time })
        open.delete(key)
      }
    }
    for (const { labels, value } of standings) {
      const begun = open.get(labelsKey(labels))
      if (begun && value !== null && value > begun.peak) open.set(labelsKey(labels), { ...begun, peak: value })
    }
  }
  return [...firings, ...open.values()].sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))
}

/** Members scored at the end of a day (of one coach), and how many of them then fell silent for 30 days. */
export interface ScoredDay {
  /** The end of the day, ISO. */
  readonly time: string
  readonly coach: string
  readonly members: number
  readonly silent: number
  readonly high: number
  readonly high_silent: number
}

/** How often the members whom a churn alert was about did fall silent, against how often anybody did. null: nobody to count. */
export interface Precision {
  readonly firings: number
  /** Members at high risk when the alert began to fire, and those of them who fell silent. */
  readonly flagged: number
  readonly silent: number
  readonly precision: number | null
  /** The share who fell silent of all members on all days of the range. */
  readonly base_rate: number | null
}

/** Judges firings by what happened. Firings whose 30 days are not over are not counted. */
export function precisionOf(firings: readonly Firing[], days: readonly ScoredDay[]): Precision {
  const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole)
  const sum = (rows: readonly ScoredDay[], of: 'members' | 'silent' | 'high' | 'high_silent'): number =>
    rows.reduce((total, row) => total + row[of], 0)
  const about = firings
    .map(({ from, labels }) =>
      days.filter(
        ({ time, coach }) =>
          Date.parse(time) === Date.parse(from) && (labels.coach === undefined || labels.coach === coach),
      ),
    )
    .filter((rows) => rows.length > 0)
  const flagged = sum(about.flat(), 'high')
  const silent = sum(about.flat(), 'high_silent')
  return {
    firings: about.length,
    flagged,
    silent,
    precision: ratio(silent, flagged),
    base_rate: ratio(sum(days, 'silent'), sum(days, 'members')),
  }
}
