import { Cell, Pie, PieChart, ResponsiveContainer } from 'recharts'
import { colourAt } from './palette.ts'

export interface Slice {
  readonly key: string
  readonly title: string
  readonly value: number
  readonly text: string
  readonly share: string
}

/** Parts of a whole, with the whole in the middle and every part named beside it. */
export function Donut({ slices, total, label }: { slices: readonly Slice[]; total: string; label: string }) {
  return (
    <div className="donut">
      <div className="chart" role="img" aria-label={label}>
        <ResponsiveContainer width="100%" height={210}>
          <PieChart accessibilityLayer={false}>
            <Pie
              data={slices.map(({ title, value }) => ({ title, value }))}
              dataKey="value"
              nameKey="title"
              innerRadius={66}
              outerRadius={96}
              paddingAngle={slices.length > 1 ? 1.5 : 0}
              stroke="none"
              startAngle={90}
              endAngle={-270}
              isAnimationActive={false}
            >
              {slices.map((slice, index) => (
                <Cell key={slice.key} fill={colourAt(index)} />
              ))}
            </Pie>
          </PieChart>
        </ResponsiveContainer>
        <strong>{total}</strong>
      </div>
      <ul>
        {slices.map((slice, index) => (
          <li key={slice.key}>
            <i className="swatch" style={{ background: colourAt(index) }} aria-hidden="true" />
            <span>{slice.title}</span>
            <b>{slice.text}</b>
            <span className="quiet">{slice.share}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}
