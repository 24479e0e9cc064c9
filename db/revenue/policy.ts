import { createHash } from 'node:crypto'
import type { Interval } from '../../sources/revenue/interval.ts'
import { intervalSchema } from '../../sources/revenue/interval.ts'
import { DEFAULT_POLICY, policyVersion, type RevenuePolicy, revenuePolicySchema } from '../../sources/revenue/policy.ts'
import type { Tenant } from '../tenant.ts'

/** The tenant's choices: settings `revenue.<name>`; one that is not valid counts as not set, which the version shows. */
export function revenuePolicy({ settings }: Pick<Tenant, 'settings'>): RevenuePolicy {
  const chosen = Object.entries(revenuePolicySchema.shape).flatMap(([name, schema]) => {
    const value = settings[`revenue.${name}`]
    return value !== undefined && schema.safeParse(value).success ? [[name, value]] : []
  })
  return revenuePolicySchema.parse({ ...DEFAULT_POLICY, ...Object.fromEntries(chosen) })
}

/** What every money answer names. */
export const revenuePolicyVersion = (tenant: Pick<Tenant, 'settings'>): string => policyVersion(revenuePolicy(tenant))

/** Billing intervals of app-store products: setting `revenue.intervals`, `{"product": {"unit": "month", "count": 1}}`. */
export function productIntervals({ settings }: Pick<Tenant, 'settings'>): Record<string, Interval> {
  const value = settings['revenue.intervals']
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(
    Object.entries(value).flatMap(([product, interval]) => {
      const parsed = intervalSchema.safeParse(interval)
      return parsed.success ? [[product, parsed.data]] : []
    }),
  )
}

/** A fingerprint of everything a fold depends on besides the facts of its group. */
export function foldVersion(tenant: Pick<Tenant, 'settings' | 'timezone'>, catalogue: unknown): string {
  const rest = JSON.stringify([tenant.timezone, productIntervals(tenant), catalogue])
  return `${revenuePolicyVersion(tenant)} ${createHash('sha256').update(rest).digest('hex').slice(0, 16)}`
}
