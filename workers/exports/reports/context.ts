import { DateTime } from 'luxon'
import type pg from 'pg'
import { freshUntil } from '../../../db/freshness.ts'
import type { PeriodRange } from '../../../db/period.ts'
import { periodLabel } from '../../../db/period.ts'
import type { Tenant } from '../../../db/tenant.ts'
import { findMetric } from '../../../metrics/catalog.ts'
import type { Granularity, Metric } from '../../../metrics/metric.ts'
import type { Report } from '../report.ts'

export interface ReportContext {
  /** In a tenant transaction that sees one instant. */
  readonly client: pg.ClientBase
  readonly tenant: Tenant
  readonly now: DateTime
}

/** The metric of a payload. One that a later version no longer has cannot be exported, however often it is tried. */
export function metricOf(name: string): Metric {
  const metric = findMetric(name)
  if (!metric) throw new Error(`there is no metric ${name} any more`)
  return metric
}

export const metricsOf = (names: readonly string[]): Metric[] => names.map(metricOf)

/** `2026-04-01` to the last day inside, in words. */
export function describeRange({ fromAt, toAt }: PeriodRange, granularity: Granularity): string {
  if (granularity === 'hour') return `${fromAt.toFormat('d LLL yyyy HH:mm')} – ${toAt.toFormat('d LLL yyyy HH:mm')}`
  return `${fromAt.toFormat('d LLL yyyy')} – ${toAt.minus({ days: 1 }).toFormat('d LLL yyyy')}, by ${granularity}`
}

/** A period's name on an axis or in a table. */
export function shortLabel(at: DateTime, granularity: Granularity): string {
  if (granularity === 'month') return at.toFormat('LLL yyyy')
  if (granularity === 'hour') return at.toFormat('d LLL HH:mm')
  return at.toFormat('d LLL yy')
}

/** The periods of a range that have begun, by the name that points carry. */
export function begunPeriods(range: PeriodRange, now: DateTime): { t: string; label: string }[] {
  return range.periods
    .filter((at) => at <= now)
    .map((at) => ({ t: periodLabel(at, range.granularity), label: shortLabel(at, range.granularity) }))
}

/** What every report says beside its content. */
export async function frame(
  { client, tenant, now }: ReportContext,
  metrics: readonly Metric[],
): Promise<Pick<Report, 'tenant' | 'timezone' | 'generatedAt' | 'definitions' | 'notes'>> {
  const fresh = DateTime.fromISO(await freshUntil(client), { zone: tenant.timezone })
  return {
    tenant: tenant.name,
    timezone: tenant.timezone,
    generatedAt: now.setZone(tenant.timezone).toFormat("d LLL yyyy HH:mm 'UTC'ZZ"),
    definitions: metrics.map(({ title, definition }) => ({ title, text: definition })),
    notes: [
      `Everything received before ${fresh.toFormat("d LLL yyyy HH:mm 'UTC'ZZ")} is counted. Days, weeks (from Monday) and months are those of ${tenant.timezone}.`,
    ],
  }
}
