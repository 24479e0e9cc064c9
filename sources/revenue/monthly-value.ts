import type { Catalogue } from './catalogue.ts'
import { type Coupon, compare, type Discount, type FactOf, type Line } from './facts.ts'
import { monthlyFactor } from './interval.ts'
import type { RevenuePolicy } from './policy.ts'
import { amountFor } from './pricing.ts'
import {
  add,
  divide,
  floorAtZero,
  isPositive,
  multiply,
  type Rational,
  rationalOf,
  subtract,
  sum,
  ZERO,
} from './rational.ts'
import { type Issue, type PlanValue, planValue } from './timeline.ts'

type State = Pick<
  FactOf<'subscription_state'>,
  'subscription' | 'standing' | 'cancel_requested' | 'lines' | 'discounts' | 'truncated' | 'status'
>
/** What the subscription itself does not say. All optional: without it, only what the state carries counts. */
export type ValueContext = {
  catalogue?: Catalogue
  /** Discounts of the customer; they apply only to subscriptions without their own. */
  customer_discounts?: readonly Discount[]
  /** The instant to value at: repeating discounts end. Without it they are taken as running. */
  at?: string
  /** Finds a discount that the state names only by id. */
  discount?: (id: string) => Discount | undefined
}
export type Valuation = { values: PlanValue[]; issues: Issue[] }

type Monthly = { line: Line; factor: Rational; value: Rational }

/**
 * Monthly recurring value of a subscription per plan and currency (metrics.md, revenue, point 1):
 * Σ quantity × unit amount × interval factor, less permanent and (policy) repeating discounts, percentages before amounts,
 * never below 0. Nothing unless it pays: trials, pauses that void, unpaid and ended subscriptions are worth 0; with churn
 * recognised at the request, so is one that is set to cancel. Amounts off are per invoice and are normalised like a price.
 */
export function monthlyValue(state: State, policy: RevenuePolicy, context: ValueContext = {}): Valuation {
  const issues: Issue[] = []
  const report = (kind: Issue['kind'], detail: string) =>
    issues.push({ subscription: state.subscription, kind, detail })
  if (state.standing === 'unknown') report('unknown_status', state.status)
  if (state.standing !== 'paying') return { values: [], issues }
  if (policy.churn_recognised === 'request' && state.cancel_requested) return { values: [], issues }
  if (state.truncated) report('items_truncated', 'only the items of the event are counted')

  const coupons = (discounts: readonly Discount[]): Coupon[] =>
    discounts.flatMap((discount) => couponOf(discount, policy, context, (id) => report('discount_unknown', id)))

  const monthly: Monthly[] = state.lines.map((line) => {
    const amount = amountFor(knownPricing(line, context.catalogue), line.quantity)
    if (amount === null) report('unpriced', line.plan)
    const factor = monthlyFactor(line.interval, policy)
    return { line, factor, value: multiply(amount ?? ZERO, factor) }
  })
  for (const entry of monthly) discounted([entry], coupons(entry.line.discounts))
  discounted(monthly, coupons(state.discounts.length > 0 ? state.discounts : (context.customer_discounts ?? [])))
  return { values: byPlan(monthly), issues }
}

function knownPricing(line: Line, catalogue: Catalogue | undefined): Line['pricing'] {
  return line.pricing.scheme === 'unknown' ? (catalogue?.prices.get(line.plan)?.pricing ?? line.pricing) : line.pricing
}

/** The discount's coupon if it lowers MRR under the policy at that instant. */
function couponOf(
  attached: Discount,
  policy: RevenuePolicy,
  context: ValueContext,
  unknown: (id: string) => void,
): Coupon[] {
  const known = attached.discount === null ? undefined : context.discount?.(attached.discount)
  const coupon =
    attached.coupon ?? known?.coupon ?? context.catalogue?.coupons.get(attached.coupon_id ?? known?.coupon_id ?? '')
  if (coupon === undefined || coupon === null) {
    unknown(attached.discount ?? attached.coupon_id ?? 'without id')
    return []
  }
  if (coupon.duration === 'forever') return [coupon]
  if (coupon.duration === 'once' || policy.discounts === 'permanent') return []
  const start = attached.start ?? known?.start ?? null
  const end = attached.end ?? known?.end ?? null
  const { at } = context
  const running = at === undefined || ((start === null || start <= at) && (end === null || at < end))
  return running ? [coupon] : []
}

/** Applies coupons to lines in place: every percentage first, then every amount, each shared in proportion. */
function discounted(lines: readonly Monthly[], coupons: readonly Coupon[]): void {
  const ordered = [...coupons].sort((a, b) => compare(a.coupon, b.coupon))
  for (const coupon of ordered) {
    if (coupon.percent_off === null) continue
    const kept = divide(subtract(rationalOf(100), rationalOf(coupon.percent_off)), rationalOf(100))
    for (const entry of eligible(lines, coupon)) entry.value = floorAtZero(multiply(entry.value, kept))
  }
  for (const coupon of ordered) {
    for (const [currency, amount] of Object.entries(coupon.amount_off)) {
      const affected = eligible(lines, coupon).filter(({ line }) => line.currency === currency)
      takeOff(affected, rationalOf(amount))
    }
  }
}

const eligible = (lines: readonly Monthly[], coupon: Coupon): Monthly[] =>
  lines.filter(
    ({ line }) => coupon.products === null || (line.product !== null && coupon.products.includes(line.product)),
  )

/** Takes an amount per invoice off lines of one currency; they are invoiced as often as the most frequent of them. */
function takeOff(lines: readonly Monthly[], perInvoice: Rational): void {
  const total = sum(lines.map(({ value }) => value))
  if (!isPositive(total)) return
  const factor = lines.map((entry) => entry.factor).reduce((a, b) => (a.n * b.d >= b.n * a.d ? a : b))
  const kept = floorAtZero(subtract(total, multiply(perInvoice, factor)))
  for (const entry of lines) entry.value = multiply(entry.value, divide(kept, total))
}

/** Rounds once per plan and currency. */
function byPlan(monthly: readonly Monthly[]): PlanValue[] {
  const sums = new Map<string, { line: Line; value: Rational }>()
  for (const { line, value } of monthly) {
    const key = `${line.currency} ${line.plan}`
    sums.set(key, { line, value: add(sums.get(key)?.value ?? ZERO, value) })
  }
  return [...sums.entries()]
    .sort(([a], [b]) => compare(a, b))
    .flatMap(([, { line, value }]) => planValue(line.plan, line.product, line.currency, value))
}
