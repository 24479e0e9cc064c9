import Stripe from 'stripe'
import { writeSecret } from '../../db/secrets.ts'
import type { Tenant } from '../../db/tenant.ts'
import type { Platform } from './platform.ts'

export const STRIPE_SECRET = 'whsec_test_current'
export const REVENUECAT_AUTHORIZATION = 'Bearer revenuecat test'

/** A tenant whose providers may deliver. */
export async function billingTenant(
  platform: Platform,
  slug: string,
  more: Partial<Parameters<Platform['createTenant']>[0]> = {},
): Promise<Tenant> {
  const tenant = await platform.createTenant({ slug, ...more })
  const write = (name: string, value: string) =>
    writeSecret(platform.db.pool, platform.masterKey, tenant.id, name, value)
  await write('stripe_webhook_secret', `whsec_test_old,${STRIPE_SECRET}`)
  await write('revenuecat_authorization', REVENUECAT_AUTHORIZATION)
  return tenant
}

export interface Delivered {
  readonly status: number
  readonly body: { stored?: string; code?: string }
}

const post = async (platform: Platform, url: string, payload: string, headers: Record<string, string>) => {
  const response = await platform.app.inject({ method: 'POST', url, payload, headers })
  return { status: response.statusCode, body: response.json<Delivered['body']>() }
}

/** Delivers a Stripe event as Stripe does: signed over the bytes that are sent. */
export function deliverStripe(
  platform: Platform,
  tenant: Tenant,
  event: unknown,
  { secret = STRIPE_SECRET, timestamp = Math.floor(Date.now() / 1000), tamper = '' } = {},
): Promise<Delivered> {
  const payload = JSON.stringify(event)
  const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp })
  const headers = { 'content-type': 'application/json; charset=utf-8', 'stripe-signature': signature }
  return post(platform, `/webhooks/stripe/${tenant.slug}`, payload + tamper, headers)
}

export function deliverRevenuecat(
  platform: Platform,
  tenant: Tenant,
  event: unknown,
  headers: Record<string, string> = { authorization: REVENUECAT_AUTHORIZATION },
): Promise<Delivered> {
  const all = { 'content-type': 'application/json', ...headers }
  return post(platform, `/webhooks/revenuecat/${tenant.id}`, JSON.stringify(event), all)
}
