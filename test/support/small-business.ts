import { paidPeriods } from '../../cli/demo/subscriptions.ts'
import { scoreTenant } from '../../db/churn/score.ts'
import type { Tenant } from '../../db/tenant.ts'
import { stripeEventsOf } from '../../sources/revenue/periods.ts'
import { deliveryBody } from '../../sources/simulator/deliveries.ts'
import { createTwin } from '../../sources/simulator/twin.ts'
import { billingTenant, deliverStripe } from './billing.ts'
import { openPlatform, type Platform } from './platform.ts'

const timezone = 'Europe/Berlin'

/** The platform with a small coaching business on it: some months of members, what they paid, and their churn scores. */
export async function openSmallBusiness(
  options: Parameters<typeof openPlatform>[0] = {},
  { members = 18, days = 110 } = {},
): Promise<{ platform: Platform; tenant: Tenant }> {
  const platform = await openPlatform(options)
  const tenant = await billingTenant(platform, 'twin', {
    timezone,
    currency: 'EUR',
    name: 'Twin',
    settings: { 'feature.analytics_v2': true, locale: 'de-DE' },
  })
  const endDate = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10)
  const twin = createTwin({ seed: 7, members, coaches: 3, days, endDate, timezone })
  const events = twin.deliveries.flatMap((delivery) => deliveryBody(delivery, Date.now()).events)
  await platform.send(tenant, events)
  for (const event of stripeEventsOf(paidPeriods(twin, 'eur'))) await deliverStripe(platform, tenant, event)
  await platform.settle()
  await scoreTenant(platform.db.pool, { tenant_id: tenant.id, last_day: endDate, scored_day: null, fitted_day: null })
  return { platform, tenant }
}
