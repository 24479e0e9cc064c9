import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Evaluation } from '../../metrics/churn/evaluate.ts'
import { type Bench, type BenchResult, spread } from '../rounds.ts'
import { type Activity, type Log, readLog, UnreadableLog } from './activity.ts'
import { type Population, type Walk, walkForward } from './walk.ts'

/**
 * What the model must reach on each set: better than recency at more than half of the cutoffs, and this calibration error of all
 * cutoffs' predictions together. Per cutoff, deciles of few members scatter: that reading is shown beside it with its chance.
 */
const BAR = { better: 0.5, calibrationError: 0.05 }
/** Larger logs are thinned out to about so many members. */
const MOST_MEMBERS = 5000

const real = process.env.UPCOACH_REAL_DATA ?? '../shared/data'
/** Public logs of real and synthetic activity, read in place where they are present. */
const knownSets = [join(real, 'git_activity', 'debezium.csv'), join(real, 'ecom_clickstream', 'ecom.csv.gz')]

const populations: readonly [Population, string][] = [
  ['seen', 'everybody seen before the cutoff'],
  ['active', 'active in the last 30 days only, as scores are made'],
]

export const isMet = ({ cutoffs, better, pooledCalibrationError }: Walk): boolean =>
  better > BAR.better * cutoffs.length && pooledCalibrationError <= BAR.calibrationError

const shown = (value: number | null): string => (value === null ? '–' : value.toFixed(3))

function lineOf({ from, observations, base_rate, model, recency }: Evaluation): string {
  const marks = (model.auc ?? 0) > (recency.auc ?? 1) ? '' : '  not better'
  return `  ${from}  ${String(observations).padStart(5)} members, ${shown(base_rate)} silent  AUC ${shown(model.auc)} (recency ${shown(recency.auc)})  Brier ${shown(model.brier)}  calibration ${shown(model.calibration_error)}${marks}`
}

function summaryOf(walk: Walk, population: Population): string {
  const { cutoffs, better, auc, recencyAuc, brier, calibrationError, pooledCalibrationError, chanceError } = walk
  const verdict = population === 'seen' ? (isMet(walk) ? 'MET: ' : 'MISSED: ') : ''
  return `${verdict}better at ${better} of ${cutoffs.length} cutoffs; AUC ${shown(auc)}, recency ${shown(recencyAuc)}; Brier ${shown(brier)}; calibration error ${shown(pooledCalibrationError)} of all cutoffs together, ${shown(calibrationError)} per cutoff (a model that knew every probability: ${shown(chanceError)})`
}

/** Why cutoffs are missing; nothing when none is. */
function leftOutOf({ leftOut: { tooEarly, oneClass } }: Walk): string {
  const reasons = [
    tooEarly > 0 ? `${tooEarly} with nothing before them to learn from or nobody to judge` : '',
    oneClass > 0 ? `${oneClass} at which all or none fell silent` : '',
  ].filter(Boolean)
  return reasons.length > 0 ? `cutoffs left out: ${reasons.join(', ')}` : ''
}

function readable(path: string): Log | string {
  try {
    return readLog(path)
  } catch (error) {
    if (error instanceof UnreadableLog) return error.message
    throw error
  }
}

function thinned(activity: Activity): Activity {
  const every = Math.ceil(activity.size / MOST_MEMBERS)
  return every === 1
    ? activity
    : new Map([...activity].sort(([a], [b]) => (a < b ? -1 : 1)).filter((_, i) => i % every === 0))
}

/** The protocol of docs/churn-risk.md on the public logs, or on logs of one's own. Deterministic; `rounds` does not matter. */
export const churnBench: Bench = {
  name: 'churn',
  title: 'AUC of the churn model : AUC of days since the last action, per cutoff; Brier and calibration',
  async run({ log, files }) {
    const paths = files.length > 0 ? files : knownSets.filter((path) => existsSync(path))
    if (paths.length === 0)
      throw new Error('no log of activity: set UPCOACH_REAL_DATA, or name CSV files (user_id, ts) with --file')
    const ratios: BenchResult['ratios'][number][] = []
    const notes: string[] = []
    for (const path of paths) {
      const read = readable(path)
      if (typeof read === 'string') {
        notes.push(`${basename(path)}: not judged: ${read}`)
        process.exitCode = 1
        continue
      }
      const { activity, leftOut, example } = read
      const members = thinned(activity)
      for (const [population, title] of populations) {
        const name = `${basename(path)}, ${title}`
        log(name)
        const walk = walkForward(members, population)
        for (const one of walk.cutoffs) log(lineOf(one))
        if (walk.cutoffs.length === 0) {
          notes.push(
            `${name}: not judged: ${members.size} members from ${walk.log.from} to ${walk.log.to}; ${leftOutOf(walk)}`,
          )
          continue
        }
        notes.push([`${name}: ${summaryOf(walk, population)}`, leftOutOf(walk)].filter(Boolean).join('; '))
        const own = walk.cutoffs
          .map(({ model, recency }) => (model.auc ?? Number.NaN) / (recency.auc ?? Number.NaN))
          .filter(Number.isFinite)
        if (own.length > 0) ratios.push(spread(name, own))
      }
      if (leftOut > 0)
        notes.push(`${basename(path)}: ${leftOut} rows left out, without a member or a readable time (“${example}”)`)
      if (members.size < activity.size) notes.push(`${basename(path)}: ${members.size} of ${activity.size} members`)
    }
    return { ratios, notes }
  },
}
