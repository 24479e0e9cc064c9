import type { DateTime } from 'luxon'
import type pg from 'pg'
import { relativeChange } from '../metrics/change.ts'
import { cuttable, type Dimension, type Granularity, type Metric, meaningOf, type Target } from '../metrics/metric.ts'
import { periodRange } from './period.ts'
import { type Point, readMetric } from './reader.ts'
import type { Tenant } from './tenant.ts'
import { type DescribedUnit, describeUnit } from './unit.ts'

/** One number of an overview, with its previous period and how it stands against the target. */
export interface Card {
  name: string
  title: string
  value: number | null
  previous: number | null
  /** (value − previous) / previous; null without a previous value above zero. */
  change: number | null
  target?: Target
  /** null without a target or a value. */
  status: 'on_track' | 'at_risk' | 'off_track' | null
  unit: DescribedUnit
  category: Metric['category']
  /** `lower`: a fall is good news. */
  better?: 'lower'
  /** Start of the period `value` is of. */
  period: string | null
  /** The periods up to and with that one, oldest first. */
  trend: { t: string; value: number | null }[]
}

/** Within a tenth of the target (or two points of growth) is at risk, not yet off track. */
const AT_RISK = 0.9
const AT_RISK_POINTS = 0.02

/** How a value (or its change) stands against the target; null when there is nothing to judge. */
export function statusOf(value: number | null, change: number | null, target: Target | undefined): Card['status'] {
  if (!target) return null
  const judged = target.of === 'change' ? change : value
  if (judged === null) return null
  const sign = target.direction === 'at_least' ? 1 : -1
  if (sign * judged >= sign * target.value) return 'on_track'
  if (target.of === 'change') return sign * judged >= sign * target.value - AT_RISK_POINTS ? 'at_risk' : 'off_track'
  const limit = target.direction === 'at_least' ? target.value * AT_RISK : target.value / AT_RISK
  return sign * judged >= sign * limit ? 'at_risk' : 'off_track'
}

export interface CardOptions {
  readonly granularity: Granularity
  readonly filters: Partial<Record<Dimension, string[]>>
  readonly now: DateTime
}

/** Cards of those metrics that can be cut as asked. */
export async function readCards(
  client: pg.ClientBase,
  metrics: readonly Metric[],
  tenant: Tenant,
  options: CardOptions,
): Promise<Card[]> {
  const cards = []
  for (const metric of cuttable(metrics, Object.keys(options.filters)))
    cards.push(await readCard(client, metric, tenant, options))
  return cards
}

/** How many periods back a card looks for a cell that is over: week-n and day-30 cells mature late. */
const LOOK_BACK: Readonly<Record<Granularity, number>> = { hour: 48, day: 45, week: 9, month: 4 }

const isOver = (point: Point): boolean => !point.partial

/**
 * One card: the metric over the latest period that is over, the one before, the change between them, and the status
 * against the target. The finest of the metric's granularities not finer than asked is used.
 */
async function readCard(client: pg.ClientBase, metric: Metric, tenant: Tenant, options: CardOptions): Promise<Card> {
  const granularity = metric.granularities.includes(options.granularity)
    ? options.granularity
    : (metric.granularities.at(-1) ?? 'day')
  const now = options.now.setZone(tenant.timezone)
  const from = now.minus({ [granularity]: LOOK_BACK[granularity] })
  const range = periodRange(from.toISO() ?? '', now.toISO() ?? '', granularity, tenant.timezone)
  const [series] = await readMetric(client, metric, { range, filters: options.filters }, options.now)
  const points = (series?.points ?? []).filter((point) => isOver(point) && (!metric.matures || point.value !== null))
  const last = points.at(-1)
  const value = last?.value ?? null
  const previous = points.at(-2)?.value ?? null
  const change = relativeChange(value, previous)
  return {
    name: metric.name,
    title: metric.title,
    ...meaningOf(metric),
    value,
    previous,
    change,
    ...(metric.target ? { target: metric.target } : {}),
    status: statusOf(value, change, metric.target),
    unit: describeUnit(metric, tenant),
    period: last?.t ?? null,
    trend: points.map(({ t, value }) => ({ t, value })),
  }
}
