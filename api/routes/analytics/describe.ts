import type { z } from 'zod'
import { revenuePolicyVersion } from '../../../db/revenue/policy.ts'
import type { Tenant } from '../../../db/tenant.ts'
import type { Metric, MetricRole } from '../../../metrics/metric.ts'
import type { catalogueEntrySchema } from '../../schemas/catalogue.ts'
import type { unitSchema } from '../../schemas/unit.ts'
import type { Role } from '../../security/principal.ts'

/** Minor-unit digits as ISO 4217 lists them, from the runtime's own table. */
function currencyDigits(currency: string): number {
  return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2
}

export function describeUnit(metric: Metric, tenant: Tenant): z.infer<typeof unitSchema> {
  const { kind } = metric.unit
  return kind === 'money' ? { kind, currency: tenant.currency, digits: currencyDigits(tenant.currency) } : { kind }
}

/** A metric as the catalogue of the API shows it. */
export function describeMetric(metric: Metric, tenant: Tenant): z.infer<typeof catalogueEntrySchema> {
  return {
    name: metric.name,
    title: metric.title,
    unit: describeUnit(metric, tenant),
    ...(metric.target ? { target: metric.target } : {}),
    dimensions: [...metric.dimensions],
    grain: metric.granularities[0] ?? 'day',
    definition: metric.definition,
  }
}

/** Whether a role may read a metric; admins read all. */
export const mayRead = (role: Role, metric: Metric): boolean =>
  role === 'admin' || (role !== 'service' && metric.roles.includes(role as MetricRole))

/** For answers with money: the policy it was counted under. */
export const policyOf = (metric: Metric, tenant: Tenant): { policy_version?: string } =>
  metric.category === 'revenue' ? { policy_version: revenuePolicyVersion(tenant) } : {}
