import { randomBytes } from 'node:crypto'
import Stripe from 'stripe'
import { writeSecret } from '../../db/secrets.ts'
import { type PeriodRow, stripeEventsOf } from '../../sources/revenue/periods.ts'
import type { Twin } from '../../sources/simulator/twin.ts'
import type { Platform } from '../compose.ts'
import { progress } from '../progress.ts'
import { UserError } from '../run.ts'

const IN_FLIGHT = 4

/** What the twin's members pay, in the demo's one currency: a demo has no exchange rates. */
export function paidPeriods(twin: Pick<Twin, 'subscriptions'>, currency: string): PeriodRow[] {
  return twin.subscriptions
    .filter(({ status, monthly_amount }) => status === 'active' && monthly_amount > 0)
    .map(({ customer_id, start, end, monthly_amount, plan }) => ({
      customer: customer_id,
      start,
      end,
      amount: (monthly_amount / 100).toFixed(2),
      currency,
      plan,
    }))
}

/** Sends the twin's subscriptions as Stripe would: signed webhooks, one event each. Returns how many. */
export async function sendSubscriptions(
  { database, secrets }: Pick<Platform, 'database' | 'secrets'>,
  url: string,
  tenant: { readonly id: string; readonly slug: string; readonly currency: string },
  twin: Pick<Twin, 'subscriptions'>,
): Promise<number> {
  const secret = `whsec_${randomBytes(24).toString('base64url')}`
  await writeSecret(database.pool, secrets.masterKey, tenant.id, 'stripe_webhook_secret', secret)
  const events = stripeEventsOf(paidPeriods(twin, tenant.currency.toLowerCase()))
  const shown = progress('Stripe events sent')
  const queue = events.values()
  let sent = 0
  const sender = async () => {
    for (const event of queue) {
      const payload = JSON.stringify(event)
      const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret })
      const headers = { 'content-type': 'application/json', 'stripe-signature': signature }
      const answer = await fetch(`${url}/webhooks/stripe/${tenant.slug}`, { method: 'POST', headers, body: payload })
      if (!answer.ok) throw new UserError(`the Stripe webhook answers ${answer.status}`)
      sent += 1
      shown.update(sent, events.length)
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, sender))
  shown.finish()
  return sent
}
