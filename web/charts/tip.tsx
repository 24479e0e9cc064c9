import { useFormat } from '../session/session.tsx'
import type { Column, TimeTable } from './data.ts'

interface TipProps {
  readonly table: TimeTable
  readonly t: string
  readonly colourOf: (column: Column) => string
}

/** The values under the pointer. */
export function Tip({ table, t, colourOf }: TipProps) {
  const format = useFormat()
  const row = table.rows.find((other) => other.t === t)
  if (!row) return null
  return (
    <div className="tip">
      <strong>{format.bucket(t, table.granularity)}</strong>
      {row.partial && <em> so far</em>}
      <dl>
        {table.columns.map((column) => (
          <div key={column.key}>
            <dt>
              <Swatch colour={colourOf(column)} />
              {column.title}
            </dt>
            <dd>{format.value(row.values[column.key], column.unit)}</dd>
          </div>
        ))}
      </dl>
    </div>
  )
}

export const Swatch = ({ colour }: { colour: string }) => (
  <i className="swatch" style={{ background: colour }} aria-hidden="true" />
)
