import type { AlertRule, Labels } from './rule.ts'

export const alertStates = ['ok', 'pending', 'firing', 'no_data'] as const
export type AlertState = (typeof alertStates)[number]

/** The latest row of one series of a rule: its labels and value. */
export interface Observation {
  readonly labels: Labels
  readonly value: number
}

/** How an alert (a rule, and the labels of one of its series) stands. Instants are ISO. */
export interface AlertStanding {
  readonly labels: Labels
  readonly state: AlertState
  /** When it entered the state. */
  readonly since: string
  /** null: nothing to judge. */
  readonly value: number | null
}

/** What a change of state tells the world. */
export interface AlertChange {
  readonly status: 'firing' | 'resolved'
  readonly labels: Labels
  readonly value: number | null
  /** When it began to fire. */
  readonly startedAt: string
}

export interface AlertEvaluation {
  readonly standings: readonly AlertStanding[]
  readonly changes: readonly AlertChange[]
}

/** One text for one set of labels, whatever their order. */
export const labelsKey = (labels: Labels): string =>
  JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))

/**
 * How a rule's alerts stand after an evaluation. Above the threshold: pending, then firing once that has lasted for
 * `forSeconds`. At or below it: ok. Nothing to judge at all: no_data, except that what fires goes on firing, because a rule
 * that cannot be evaluated has not recovered. A labelled series that alone is gone is over: it leaves the list, resolved.
 */
export function evaluateAlert(
  rule: Pick<AlertRule, 'forSeconds'>,
  threshold: number,
  before: readonly AlertStanding[],
  observations: readonly Observation[],
  now: string,
): AlertEvaluation {
  const known = new Map(before.map((standing) => [labelsKey(standing.labels), standing]))
  if (observations.length === 0) {
    const firing = before.filter(({ state }) => state === 'firing')
    if (firing.length > 0) return { standings: firing.map((standing) => ({ ...standing, value: null })), changes: [] }
    const silent = before.find(({ state }) => state === 'no_data')
    return { standings: [{ labels: {}, state: 'no_data', since: silent?.since ?? now, value: null }], changes: [] }
  }
  const standings: AlertStanding[] = []
  const changes: AlertChange[] = []
  for (const { labels, value } of observations) {
    const previous = known.get(labelsKey(labels))
    known.delete(labelsKey(labels))
    const state = stateOf(rule, value > threshold, previous, now)
    standings.push({ labels, state, since: state === previous?.state ? previous.since : now, value })
    if (state === 'firing' && previous?.state !== 'firing')
      changes.push({ status: 'firing', labels, value, startedAt: now })
    if (previous?.state === 'firing' && state !== 'firing')
      changes.push({ status: 'resolved', labels, value, startedAt: previous.since })
  }
  for (const gone of known.values())
    if (gone.state === 'firing')
      changes.push({ status: 'resolved', labels: gone.labels, value: null, startedAt: gone.since })
  return { standings, changes }
}

function stateOf(
  rule: Pick<AlertRule, 'forSeconds'>,
  isAbove: boolean,
  previous: AlertStanding | undefined,
  now: string,
): AlertState {
  if (!isAbove) return 'ok'
  if (previous?.state === 'firing') return 'firing'
  const since = previous?.state === 'pending' ? Date.parse(previous.since) : Date.parse(now)
  return Date.parse(now) - since >= rule.forSeconds * 1000 ? 'firing' : 'pending'
}
