import type { Metric, Unit } from '../metrics/metric.ts'
import type { Tenant } from './tenant.ts'

/** What a value counts; money in minor units of the tenant's currency. */
export type DescribedUnit =
  | { kind: 'money'; currency: string; digits: number }
  | { kind: Exclude<Unit['kind'], 'money'> }

/** Minor-unit digits as ISO 4217 lists them, from the runtime's own table. */
function currencyDigits(currency: string): number {
  return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2
}

export function describeUnit(metric: Pick<Metric, 'unit'>, tenant: Pick<Tenant, 'currency'>): DescribedUnit {
  const { kind } = metric.unit
  return kind === 'money' ? { kind, currency: tenant.currency, digits: currencyDigits(tenant.currency) } : { kind }
}
