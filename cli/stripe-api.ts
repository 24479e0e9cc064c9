import { setTimeout as wait } from 'node:timers/promises'
import Stripe from 'stripe'
import { snapshotEvent } from '../sources/revenue/stripe/snapshot.ts'

const PAGE = 100
/** Of one request: lost connections and Stripe's own faults by its client, too many requests by us. */
const RETRIES = 8
const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 30_000

/** A client of the Stripe API, or of what speaks like it at another address. */
export const stripeClient = (
  key: string,
  address: Pick<Stripe.StripeConfig, 'host' | 'port' | 'protocol'> = {},
): Stripe => new Stripe(key, { maxNetworkRetries: RETRIES, ...address })

interface Page<T> {
  readonly data: readonly T[]
  readonly has_more: boolean
}

/** Asks again, later and later, where Stripe answers that it is asked too often: its client gives up at once there. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeRateLimitError) || attempt === RETRIES) throw error
      const asked = Number(error.headers?.['retry-after']) * 1000
      await wait(Math.min(asked > 0 ? asked : FIRST_WAIT_MS * 2 ** attempt, LONGEST_WAIT_MS))
    }
  }
}

/** Every object of a list, as plain JSON: the client makes decimal numbers of texts, which are no JSON. */
async function* all<T extends { id: string }>(list: (after: { starting_after?: string }) => Promise<Page<T>>) {
  let after: { starting_after?: string } = {}
  for (;;) {
    const { data, has_more } = await patiently(() => list(after))
    for (const object of data) yield JSON.parse(JSON.stringify(object)) as T
    const last = data.at(-1)
    if (!has_more || last === undefined) return
    after = { starting_after: last.id }
  }
}

/** Everything the ledger can use, page by page, as events: the catalogue, subscriptions as they stand, recent events. */
export async function* stripeApi(stripe: Stripe): AsyncGenerator<unknown> {
  const now = new Date()
  const as = (type: string, object: { id: string }) => ({
    id: `backfill_${type}_${object.id}_${Math.floor(now.getTime() / 1000)}`,
    object: 'event',
    type,
    created: Math.floor(now.getTime() / 1000),
    data: { object },
  })
  const coupons = all((after) => stripe.coupons.list({ limit: PAGE, expand: ['data.applies_to'], ...after }))
  for await (const coupon of coupons) yield as('coupon.updated', coupon)
  for await (const product of all((after) => stripe.products.list({ limit: PAGE, ...after })))
    yield as('product.updated', product)
  for await (const price of all((after) => stripe.prices.list({ limit: PAGE, expand: ['data.tiers'], ...after })))
    yield as('price.updated', price)
  const subscriptions = all((after) =>
    stripe.subscriptions.list({ limit: PAGE, status: 'all', expand: ['data.discounts'], ...after }),
  )
  for await (const subscription of subscriptions) yield snapshotEvent(subscription, now)
  yield* all((after) => stripe.events.list({ limit: PAGE, ...after }))
}
