import type { ReactNode } from 'react'
import {
  Area,
  Bar,
  CartesianGrid,
  Cell,
  ComposedChart,
  type DotItemDotProps,
  Line,
  ReferenceLine,
  Tooltip,
  XAxis,
  YAxis,
} from 'recharts'
import { useFormat } from '../session/session.tsx'
import { axisOf } from './axis.ts'
import { Chart } from './chart.tsx'
import type { Column, Row, TimeTable } from './data.ts'
import { dashAt } from './palette.ts'
import { Tip } from './tip.tsx'
import { colourOf, current, type Kind, PREVIOUS_DASH } from './trend-colours.ts'

interface TrendProps {
  readonly table: TimeTable
  readonly kind?: Kind
  readonly height?: number
  readonly target?: { readonly value: number; readonly title: string } | undefined
  /** Lines need not start at zero; bars and areas always do. */
  readonly fromZero?: boolean
  readonly label: string
  readonly onPick?: (t: string) => void
}

/**
 * More buckets than this are a pixel or two each: bars, an element apiece, become an area, and the bucket that is not over is a
 * point like the others instead of a line of its own.
 */
const MANY = 150

/** Values over time. A dot marks a bucket that is not over; the period before is a pale dashed line. */
export function Trend({ table, kind = 'line', height = 260, target, fromZero, label, onPick }: TrendProps): ReactNode {
  const format = useFormat()
  const { granularity, columns, rows } = table
  const unit = columns[0]?.unit ?? { kind: 'count' as const }
  const startsAtZero = fromZero ?? (kind !== 'line' || unit.kind === 'count' || unit.kind === 'money')
  const axis = axisOf([...levels(columns, rows, kind), target?.value], unit, startsAtZero)
  return (
    <Chart label={label} height={height}>
      <ComposedChart
        data={[...rows]}
        margin={{ top: 8, right: 0, bottom: 0, left: 0 }}
        onClick={({ activeLabel }) => onPick?.(String(activeLabel))}
        accessibilityLayer={false}
      >
        <CartesianGrid vertical={false} stroke="var(--grid)" />
        <XAxis
          dataKey="t"
          tickFormatter={(t: string) => format.bucketShort(t, granularity)}
          tickLine={false}
          axisLine={false}
          padding={{ right: 32 }}
          minTickGap={28}
          interval="equidistantPreserveStart"
          tickMargin={8}
        />
        <YAxis
          width="auto"
          {...axis}
          interval={0}
          tickFormatter={format.ticks(axis.ticks, unit)}
          tickLine={false}
          axisLine={false}
        />
        <Tooltip
          isAnimationActive={false}
          cursor={{ stroke: 'var(--muted)', strokeDasharray: '3 3', fill: 'var(--hover)' }}
          content={({ active, label: t }) => (active ? <Tip table={table} t={String(t)} kind={kind} /> : null)}
        />
        {target && (
          <ReferenceLine
            y={target.value}
            stroke="var(--target)"
            strokeDasharray="6 4"
            ifOverflow="extendDomain"
            label={{ value: target.title, position: 'insideTopLeft', className: 'target-label' }}
          />
        )}
        {columns.map((column) => draw(column, columns, kind, rows))}
        {hasDots(kind) && rows.length <= MANY && columns.map((column) => running(column, columns, rows))}
      </ComposedChart>
    </Chart>
  )
}

/** Lines and areas end in a dot where a bucket is not over; a bar of one is pale. */
const hasDots = (kind: Kind): boolean => kind === 'line' || kind === 'area'

/** Every value that is drawn; of a stack, its height. */
const levels = (columns: readonly Column[], rows: readonly Row[], kind: Kind): (number | null)[] =>
  rows.flatMap(({ values }) =>
    kind === 'stack'
      ? [current(columns).reduce((sum, { key }) => sum + (values[key] ?? 0), 0)]
      : columns.map(({ key }) => values[key] ?? null),
  )

type Drawn = { t: string; partial: boolean; values: Record<string, number | null> }

/** From the last whole bucket to the one that is not over: pale, because it is not comparable yet. */
function running(column: Column, columns: readonly Column[], rows: readonly Row[]): ReactNode {
  const at = rows.findIndex(({ partial }) => partial)
  if (at < 0 || column.isPrevious) return null
  const from = rows[Math.max(0, at - 1)]
  return (
    <Line
      key={`${column.key} so far`}
      dataKey={(row: Drawn) => (row.partial || row.t === from?.t ? (row.values[column.key] ?? null) : null)}
      stroke={colourOf(columns, column)}
      strokeWidth={1.5}
      strokeDasharray="2 3"
      strokeOpacity={0.6}
      dot={Dot}
      activeDot={false}
      isAnimationActive={false}
      tooltipType="none"
    />
  )
}

function draw(column: Column, columns: readonly Column[], kind: Kind, rows: readonly Row[]): ReactNode {
  const index = current(columns).indexOf(column)
  const colour = colourOf(columns, column)
  const isMany = rows.length > MANY
  const isBar = (kind === 'bar' || kind === 'stack') && !isMany
  const shared = {
    key: column.key,
    dataKey: (row: Drawn) =>
      row.partial && !isMany && hasDots(kind) && !column.isPrevious ? null : (row.values[column.key] ?? null),
    name: column.title,
    isAnimationActive: false,
  }
  if (column.isPrevious)
    return (
      <Line
        {...shared}
        key={column.key}
        stroke={colour}
        strokeDasharray={PREVIOUS_DASH}
        strokeWidth={1.5}
        dot={false}
      />
    )
  if (isBar)
    return (
      <Bar
        {...shared}
        key={column.key}
        fill={colour}
        maxBarSize={36}
        radius={kind === 'stack' ? 0 : [3, 3, 0, 0]}
        {...(kind === 'stack' ? { stackId: 'all', stroke: 'var(--surface)', strokeWidth: 1 } : {})}
      >
        {rows.map(({ t, partial }) => (
          <Cell key={t} fillOpacity={partial ? 0.4 : 1} />
        ))}
      </Bar>
    )
  if (kind !== 'line')
    return (
      <Area
        {...shared}
        key={column.key}
        stroke={colour}
        strokeWidth={2}
        fill={colour}
        fillOpacity={kind === 'stack' ? 0.6 : 0.12}
        dot={false}
        activeDot={{ r: 4 }}
        {...(kind === 'stack' ? { stackId: 'all' } : {})}
      />
    )
  return (
    <Line
      {...shared}
      key={column.key}
      stroke={colour}
      strokeWidth={2}
      strokeDasharray={dashAt(index)}
      dot={false}
      activeDot={{ r: 4 }}
    />
  )
}

/** Only a running bucket gets a dot. */
function Dot({ cx, cy, stroke, payload, key }: DotItemDotProps) {
  if (!payload?.partial || cx === undefined || cy === undefined || Number.isNaN(cy)) return <g key={key} />
  return <circle key={key} cx={cx} cy={cy} r={4} fill="var(--surface)" stroke={stroke} strokeWidth={2} />
}
