import { DateTime } from 'luxon'
import { rehearseRule } from '../db/alerts/rehearse.ts'
import type { AttachedDatabase } from '../db/attach.ts'
import type { Tenant } from '../db/tenant.ts'
import { alertRules } from '../metrics/alerts/catalog.ts'
import type { Precision } from '../metrics/alerts/rehearse.ts'
import type { AlertRule } from '../metrics/alerts/rule.ts'
import { thresholdOf } from '../metrics/alerts/settings.ts'
import { usageError } from './run.ts'

const MOST_DAYS = 731
const DEFAULT_DAYS = 90

interface Range {
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly threshold?: string | undefined
}

/** The rule that is named, if it has a past. */
export function rehearsed(name: string | undefined): AlertRule {
  const able = alertRules.filter(({ past }) => past !== 'none').map((rule) => rule.name)
  const rule = alertRules.find((one) => one.name === name)
  if (rule === undefined) usageError(`which rule? One of ${able.join(', ')}`)
  if (rule.past === 'none')
    usageError(`${rule.name} is judged as of now and keeps no history; these can be rehearsed: ${able.join(', ')}`)
  return rule
}

/** Prints when a rule would have fired, and how right it would have been. */
export async function rehearsal(
  { pool }: AttachedDatabase,
  tenant: Tenant,
  rule: AlertRule,
  range: Range,
  asJson: boolean,
): Promise<void> {
  const { from, to } = daysOf(tenant, range)
  const threshold = range.threshold === undefined ? thresholdOf(rule, tenant.settings) : Number(range.threshold)
  if (threshold === undefined) usageError(`${tenant.slug} has switched ${rule.name} off: name a --threshold`)
  if (!Number.isFinite(threshold)) usageError('--threshold must be a number')
  const { judged, firings, precision } = await rehearseRule(pool, tenant, rule, threshold, {
    from: from.toJSDate(),
    // The numbers of a day are those of its end.
    to: DateTime.min(to.plus({ days: 1 }), DateTime.now()).toJSDate(),
  })
  if (asJson) {
    console.log(
      JSON.stringify({
        rule: rule.name,
        tenant: tenant.slug,
        from: from.toISODate(),
        to: to.toISODate(),
        threshold,
        judged,
        firings,
        ...(precision ? { precision } : {}),
      }),
    )
    return
  }
  const local = (at: string): string => DateTime.fromISO(at).setZone(tenant.timezone).toFormat('yyyy-MM-dd HH:mm')
  console.log(
    `${rule.name} above ${threshold}, ${from.toISODate()} to ${to.toISODate()} (${tenant.timezone}), judged ${judged} times`,
  )
  for (const firing of firings) {
    const labels = Object.entries(firing.labels).map(([name, value]) => `  ${name}=${value}`)
    console.log(
      `${local(firing.from)}  until ${firing.to === null ? 'the end' : local(firing.to)}  peak ${Number(firing.peak.toPrecision(4))}${labels.join('')}`,
    )
  }
  console.log(`fired ${firings.length === 1 ? 'once' : `${firings.length} times`}`)
  if (precision) console.log(sentenceOf(precision))
}

function sentenceOf({ firings, flagged, silent, precision, base_rate }: Precision): string {
  const percent = (share: number): string => `${Math.round(share * 100)} %`
  if (precision === null || base_rate === null)
    return 'precision: nothing to judge by yet (no firing whose 30 days are over)'
  return `precision ${percent(precision)}: of ${flagged} members at high risk when it began to fire (${firings} firings), ${silent} fell silent for 30 days; of all members on all days ${percent(base_rate)} did`
}

function daysOf({ timezone }: Tenant, { from, to }: Range): { from: DateTime; to: DateTime } {
  const read = (text: string, option: string): DateTime => {
    const day = /^\d{4}-\d\d-\d\d$/.test(text) ? DateTime.fromISO(text, { zone: timezone }) : undefined
    return day?.isValid ? day : usageError(`--${option} must be a day, YYYY-MM-DD`)
  }
  const last = to === undefined ? DateTime.now().setZone(timezone).startOf('day').minus({ days: 1 }) : read(to, 'to')
  const first = from === undefined ? last.minus({ days: DEFAULT_DAYS - 1 }) : read(from, 'from')
  if (first > last) usageError('--from must not be after --to')
  if (last.diff(first, 'days').days > MOST_DAYS) usageError(`at most ${MOST_DAYS} days`)
  return { from: first, to: last }
}
