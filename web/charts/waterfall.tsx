import { Bar, CartesianGrid, Cell, ComposedChart, LabelList, XAxis, YAxis } from 'recharts'
import type { Unit } from '../format.ts'
import { useFormat } from '../session/session.tsx'
import { useNarrow } from '../ui/narrow.ts'
import { axisOf } from './axis.ts'
import { bridgeBars, type Step } from './bridge.ts'
import { Chart } from './chart.tsx'

const colours = { total: 'var(--series-5)', up: 'var(--series-3)', down: 'var(--series-2)' } as const

/** From one level to the next, change by change. Bars are as long as what they stand for: from zero. */
export function Waterfall(props: { steps: readonly Step[]; unit: Unit; label: string; onPick: (key: string) => void }) {
  const { steps, unit, label, onPick } = props
  const format = useFormat()
  const isNarrow = useNarrow()
  const bars = bridgeBars(steps, (value) => format.short(value, unit))
  const axis = axisOf(
    bars.flatMap(({ span }) => span),
    unit,
    true,
  )
  return (
    <Chart label={label} height={300}>
      <ComposedChart data={bars} margin={{ top: 24, right: 8, bottom: 0, left: 0 }} accessibilityLayer={false}>
        <CartesianGrid vertical={false} stroke="var(--grid)" />
        <XAxis
          dataKey="title"
          tickLine={false}
          axisLine={false}
          interval={0}
          tickMargin={8}
          {...(isNarrow ? { angle: -45, textAnchor: 'end' as const, height: 84 } : {})}
        />
        <YAxis
          width="auto"
          {...axis}
          interval={0}
          tickFormatter={format.ticks(axis.ticks, unit)}
          tickLine={false}
          axisLine={false}
        />
        <Bar
          dataKey="span"
          isAnimationActive={false}
          maxBarSize={72}
          radius={3}
          cursor="pointer"
          onClick={(_, index) => {
            const step = steps[index]
            if (step) onPick(step.key)
          }}
        >
          {bars.map((bar) => (
            <Cell key={bar.key} fill={colours[bar.kind]} />
          ))}
          {/* By name, not by position: a bar without length is left out. */}
          {!isNarrow && <LabelList dataKey="text" position="top" className="value-label" />}
        </Bar>
      </ComposedChart>
    </Chart>
  )
}
