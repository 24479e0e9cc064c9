import { Area, CartesianGrid, ComposedChart, Line, Tooltip, XAxis, YAxis } from 'recharts'
import type { Unit } from '../format.ts'
import { useFormat } from '../session/session.tsx'
import { axisOf } from './axis.ts'
import { Chart } from './chart.tsx'

export interface ForecastRow {
  readonly t: string
  readonly past: number | null
  readonly ahead: number | null
  /** Between these lies the value four times out of five. */
  readonly band: readonly [number, number] | null
}

/** What was, and what is to be expected with how much doubt. */
export function Forecast({ rows, unit, label }: { rows: readonly ForecastRow[]; unit: Unit; label: string }) {
  const format = useFormat()
  const axis = axisOf(
    rows.flatMap(({ past, ahead, band }) => [past, ahead, ...(band ?? [])]),
    unit,
    true,
  )
  return (
    <Chart label={label} height={280}>
      <ComposedChart data={[...rows]} margin={{ top: 8, right: 0, bottom: 0, left: 0 }} accessibilityLayer={false}>
        <CartesianGrid vertical={false} stroke="var(--grid)" />
        <XAxis
          dataKey="t"
          tickFormatter={(t: string) => format.bucketShort(t, 'month')}
          tickLine={false}
          axisLine={false}
          padding={{ right: 32 }}
          interval="equidistantPreserveStart"
          minTickGap={24}
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
          cursor={{ stroke: 'var(--muted)', strokeDasharray: '3 3' }}
          content={({ active, label: t }) => {
            const row = active ? rows.find((other) => other.t === t) : undefined
            if (!row) return null
            return (
              <div className="tip">
                <strong>{format.bucket(row.t, 'month')}</strong>
                <dl>
                  <div>
                    <dt>{row.past === null ? 'Forecast' : 'ARR'}</dt>
                    <dd>{format.whole(row.past ?? row.ahead, unit)}</dd>
                  </div>
                  {row.past === null && row.band && (
                    <div>
                      <dt>80 % interval</dt>
                      <dd>
                        {format.whole(row.band[0], unit)} – {format.whole(row.band[1], unit)}
                      </dd>
                    </div>
                  )}
                </dl>
              </div>
            )
          }}
        />
        <Area
          dataKey="band"
          stroke="none"
          fill="var(--series-1)"
          fillOpacity={0.14}
          isAnimationActive={false}
          activeDot={false}
        />
        <Line dataKey="past" stroke="var(--series-1)" strokeWidth={2} dot={false} isAnimationActive={false} />
        <Line
          dataKey="ahead"
          stroke="var(--series-1)"
          strokeWidth={2}
          strokeDasharray="6 4"
          dot={{ r: 3, fill: 'var(--surface)', strokeDasharray: '0' }}
          isAnimationActive={false}
        />
      </ComposedChart>
    </Chart>
  )
}
