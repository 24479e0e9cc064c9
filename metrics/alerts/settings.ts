import type { AlertRule } from './rule.ts'

/** Name of the tenant setting that changes a rule: a number is its threshold, false switches it off. */
export const alertSetting = (rule: Pick<AlertRule, 'name'>): string => `alerts.${rule.name}`

/** The threshold that applies to a tenant; undefined when the tenant has switched the rule off. */
export function thresholdOf(
  rule: Pick<AlertRule, 'name' | 'threshold'>,
  settings: Readonly<Record<string, unknown>>,
): number | undefined {
  const own = settings[alertSetting(rule)]
  if (own === false) return undefined
  return typeof own === 'number' && Number.isFinite(own) ? own : rule.threshold
}
