import { compare } from './facts.ts'
import type { Timeline } from './timeline.ts'

/** One trial and what came of it. trial_conversion_rate = converted / ended, by the day it ended. */
export type Trial = {
  customer: string
  subscription: string
  plan: string | null
  started_at: string
  /** When it stopped being a trial, whatever followed; null while it runs. */
  ended_at: string | null
  /** When it began to pay; after `ended_at` for someone who came back to buy. */
  converted_at: string | null
  provider_event_ids: string[]
}

/** Trials of a subscription: a trial converts with the first paying step after it, and ends with the next other one. */
export function trialsOf(timeline: Timeline, customer: string): Trial[] {
  const trials: Trial[] = []
  for (const step of timeline.steps) {
    const current = trials.at(-1)
    const open = current !== undefined && current.converted_at === null ? current : undefined
    const ids = (known: readonly string[]) => [...new Set([...known, ...step.event_ids])].sort(compare)
    if (step.standing === 'trial') {
      if (open !== undefined && open.ended_at === null) continue
      const { subscription } = timeline
      const { at: started_at, plan } = step
      trials.push({
        customer,
        subscription,
        plan,
        started_at,
        ended_at: null,
        converted_at: null,
        provider_event_ids: ids([]),
      })
      continue
    }
    if (open === undefined || (open.ended_at !== null && step.standing !== 'paying')) continue
    const converted_at = step.standing === 'paying' ? step.at : null
    trials[trials.length - 1] = {
      ...open,
      ended_at: open.ended_at ?? step.at,
      converted_at,
      provider_event_ids: ids(open.provider_event_ids),
    }
  }
  return trials
}
