import { type FeatureGroup, type MemberFacts, usualGap } from './features.ts'
import { type ChurnModel, contributions } from './model.ts'

export interface Reason {
  readonly feature: FeatureGroup
  readonly text: string
}

const MOST_REASONS = 3
/** Smaller changes of the log odds are noise to a reader. */
const LEAST_CONTRIBUTION = 0.05

const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`
const every = (gap: number): string => (gap < 1.5 ? 'every day' : `every ${Math.round(gap)} days`)

/** What a group of features says of this member; undefined when there is nothing to say. */
const sentences: Readonly<Record<FeatureGroup, (facts: MemberFacts) => string | undefined>> = {
  recency: (facts) =>
    facts.days_since === 0
      ? undefined
      : `No action for ${count(facts.days_since, 'day')}; usually ${every(usualGap(facts))}`,
  activity: ({ recent_days, earlier_days }) =>
    `Active on ${count(recent_days, 'day')} of the last 14, on ${earlier_days} of the 28 before`,
  tenure: ({ tenure_days }) => `Joined ${count(tenure_days, 'day')} ago`,
  habits: ({ recent_checks, earlier_checks }) =>
    recent_checks * 2 >= earlier_checks
      ? undefined
      : `${count(recent_checks, 'habit check')} in the last 14 days, ${earlier_checks} in the 28 before`,
  unanswered: ({ unanswered }) =>
    unanswered === 0 ? undefined : `Waits for an answer in ${count(unanswered, 'conversation')}`,
  nudges: ({ ignored_nudges }) =>
    ignored_nudges === 0 ? undefined : `Ignored ${count(ignored_nudges, 'nudge')} in 14 days`,
  billing: ({ billing_issue }) => (billing_issue ? 'A payment failed and has not been made up for' : undefined),
}

/** The up to three reasons that raise a member's risk most, strongest first, in words. */
export function reasonsFor(model: ChurnModel, facts: MemberFacts): Reason[] {
  return [...contributions(model, facts)]
    .filter(([, contribution]) => contribution >= LEAST_CONTRIBUTION)
    .sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1))
    .flatMap(([feature]) => {
      const text = sentences[feature](facts)
      return text === undefined ? [] : [{ feature, text }]
    })
    .slice(0, MOST_REASONS)
}
