import { Bar, CartesianGrid, Cell, ComposedChart, LabelList, ResponsiveContainer, XAxis, YAxis } from 'recharts'
import type { Unit } from '../format.ts'
import { useFormat } from '../session/session.tsx'
import { useNarrow } from '../ui/narrow.ts'

export interface Step {
  readonly key: string
  readonly title: string
  /** Signed change; for `total` the level itself. */
  readonly value: number
  readonly kind: 'total' | 'up' | 'down'
}

const colours = { total: 'var(--series-5)', up: 'var(--series-3)', down: 'var(--series-2)' } as const

/** From one level to the next, change by change. The vertical axis begins near the lowest level: changes are what it shows. */
export function Waterfall(props: { steps: readonly Step[]; unit: Unit; label: string; onPick: (key: string) => void }) {
  const { steps, unit, label, onPick } = props
  const format = useFormat()
  const isNarrow = useNarrow()
  let level = 0
  const bars = steps.map((step) => {
    const from = step.kind === 'total' ? 0 : level
    level = step.kind === 'total' ? step.value : level + step.value
    return { ...step, span: [Math.min(from, level), Math.max(from, level)] as [number, number] }
  })
  const moving = bars.filter(({ kind }) => kind !== 'total').flatMap(({ span }) => span)
  const low = Math.min(...moving, ...bars.filter(({ kind }) => kind === 'total').map(({ value }) => value))
  const high = Math.max(...bars.map(({ span }) => span[1]))
  const floor = Math.max(0, low - (high - low) * 0.6)
  const clipped = bars.map((bar) => ({ ...bar, span: [Math.max(floor, bar.span[0]), bar.span[1]] as [number, number] }))
  return (
    <div className="chart" role="img" aria-label={label}>
      <ResponsiveContainer width="100%" height={300}>
        <ComposedChart data={clipped} margin={{ top: 24, right: 8, bottom: 0, left: 0 }} accessibilityLayer={false}>
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
            domain={[floor, 'auto']}
            tickFormatter={(value: number) => format.short(value, unit)}
            tickLine={false}
            axisLine={false}
            tickCount={5}
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
            {clipped.map((bar) => (
              <Cell key={bar.key} fill={colours[bar.kind]} />
            ))}
            {!isNarrow && (
              <LabelList
                position="top"
                className="value-label"
                valueAccessor={(_: unknown, index: number) => {
                  const step = steps[index]
                  if (!step) return ''
                  const sign = step.kind === 'up' && step.value > 0 ? '+' : ''
                  return sign + format.short(step.value, unit)
                }}
              />
            )}
          </Bar>
        </ComposedChart>
      </ResponsiveContainer>
    </div>
  )
}
