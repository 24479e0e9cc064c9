import type { z } from 'zod'
import { revenuePolicyVersion } from '../../../db/revenue/policy.ts'
import type { Tenant } from '../../../db/tenant.ts'
import { describeUnit } from '../../../db/unit.ts'
import { type Metric, type MetricRole, meaningOf } from '../../../metrics/metric.ts'
import type { catalogueEntrySchema } from '../../schemas/catalogue.ts'
import type { Role } from '../../security/principal.ts'

export { describeUnit }

/** A metric as the catalogue of the API shows it. */
export function describeMetric(metric: Metric, tenant: Tenant): z.infer<typeof catalogueEntrySchema> {
  return {
    name: metric.name,
    title: metric.title,
    ...meaningOf(metric),
    unit: describeUnit(metric, tenant),
    ...(metric.target ? { target: metric.target } : {}),
    dimensions: [...metric.dimensions],
    grain: metric.granularities[0] ?? 'day',
    definition: metric.definition,
  }
}

/** Whether a role may read a metric or alert rule; admins read all. */
export const mayRead = (role: Role, metric: Pick<Metric, 'roles'>): boolean =>
  role === 'admin' || (role !== 'service' && metric.roles.includes(role as MetricRole))

/** For answers with money: the policy it was counted under. */
export const policyOf = (metric: Metric, tenant: Tenant): { policy_version?: string } =>
  metric.category === 'revenue' ? { policy_version: revenuePolicyVersion(tenant) } : {}
