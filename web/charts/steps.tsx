import { Area, CartesianGrid, ComposedChart, Tooltip, XAxis, YAxis } from 'recharts'
import type { Unit } from '../format.ts'
import { useFormat } from '../session/session.tsx'
import { axisOf } from './axis.ts'
import { Chart } from './chart.tsx'

interface StepsProps {
  readonly points: readonly { readonly n: number; readonly value: number | null }[]
  readonly unit: Unit
  /** What `n` counts. */
  readonly step: string
  readonly label: string
}

/** A value by weeks or months after a beginning, whenever that was. */
export function Steps({ points, unit, step, label }: StepsProps) {
  const format = useFormat()
  const axis = axisOf(
    points.map(({ value }) => value),
    unit,
    true,
  )
  return (
    <Chart label={label} height={250}>
      <ComposedChart data={[...points]} margin={{ top: 8, right: 12, bottom: 0, left: 0 }} accessibilityLayer={false}>
        <CartesianGrid vertical={false} stroke="var(--grid)" />
        <XAxis
          dataKey="n"
          tickFormatter={(n: number) => `+${n}`}
          tickLine={false}
          axisLine={false}
          minTickGap={20}
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
          content={({ active, label: n }) => {
            const point = active ? points.find((other) => other.n === Number(n)) : undefined
            return point ? (
              <div className="tip">
                <strong>{`${step} ${point.n}`}</strong>
                <p>{format.value(point.value, unit)}</p>
              </div>
            ) : null
          }}
        />
        <Area
          dataKey="value"
          stroke="var(--series-1)"
          strokeWidth={2}
          fill="var(--series-1)"
          fillOpacity={0.12}
          isAnimationActive={false}
        />
      </ComposedChart>
    </Chart>
  )
}
