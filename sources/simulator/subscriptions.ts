import type { World } from './journal.ts'
import type { Life } from './life.ts'
import { Random, seedOf } from './random.ts'
import { dayText, type LocalDay } from './zone.ts'

/** A customer pays the same for the same plan from `start` to before `end` (local days); null: still running. */
export type SubscriptionPeriod = {
  readonly customer_id: string
  readonly subscription_id: string
  readonly plan: string
  readonly status: 'trialing' | 'active'
  readonly start: string
  readonly end: string | null
  /** Minor units per month; 0 while on trial. */
  readonly monthly_amount: number
  readonly currency: 'usd' | 'eur'
}

const trialDays = 14

/**
 * Billing of the same people: two weeks on trial, then paid months; plan changes move the price at once; who goes
 * silent cancels at the end of a paid month; some never convert, and some leave and come back.
 */
export function subscriptionsOf(world: World, life: Life): SubscriptionPeriod[] {
  const { member, plans } = life
  const rng = new Random(seedOf(world.settings.seed, 'subscription', member.index))
  const currency = rng.chance(0.15) ? 'eur' : 'usd'
  const price = new Map(world.settings.plans.map((plan) => [plan.name, plan.monthly_cents]))
  const planOn = (day: LocalDay): string => plans.findLast((p) => p.day <= day)?.plan ?? member.plan
  const paidFrom = member.signupDay + trialDays
  const periods: SubscriptionPeriod[] = []
  const add = (no: number, plan: string, status: 'trialing' | 'active', from: LocalDay, to: LocalDay | null) => {
    periods.push({
      customer_id: member.userId,
      subscription_id: `sub-${member.index + 1}-${no}`,
      plan,
      status,
      start: dayText(from),
      end: to === null || to > world.lastDay ? null : dayText(to),
      monthly_amount: status === 'trialing' ? 0 : (price.get(plan) ?? 0),
      currency,
    })
  }
  /** Paid from…to, a new period at each plan change. */
  const pay = (no: number, from: LocalDay, to: LocalDay | null) => {
    const cuts = [from, ...plans.map((p) => p.day).filter((day) => day > from && (to === null || day < to))]
    cuts.forEach((start, index) => {
      if (start <= world.lastDay) add(no, planOn(start), 'active', start, cuts[index + 1] ?? to)
    })
  }

  add(1, planOn(member.signupDay), 'trialing', member.signupDay, paidFrom)
  const converts = member.churn !== null || rng.chance(0.85)
  if (!converts || paidFrom > world.lastDay) return periods
  const monthEnd = (day: LocalDay): LocalDay => paidFrom + 30 * Math.ceil((day - paidFrom) / 30)
  if (member.churn !== null) pay(1, paidFrom, monthEnd(member.churn.silent))
  else if (rng.chance(0.1)) {
    const pause = monthEnd(paidFrom + rng.int(40, 150))
    pay(1, paidFrom, pause)
    pay(2, pause + rng.int(20, 90), null)
  } else pay(1, paidFrom, null)
  return periods
}
