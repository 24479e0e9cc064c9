import { useFormat } from '../session/session.tsx'
import type { TimeTable } from './data.ts'
import { type Kind, lookOf } from './trend-colours.ts'

interface TipProps {
  readonly table: TimeTable
  readonly t: string
  readonly kind: Kind
}

/** The values under the pointer. */
export function Tip({ table, t, kind }: TipProps) {
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
              <Swatch {...lookOf(table.columns, column, kind)} />
              {column.title}
            </dt>
            <dd>{format.value(row.values[column.key], column.unit)}</dd>
          </div>
        ))}
      </dl>
    </div>
  )
}

/** A patch of the colour, or a piece of the line as it is dashed. */
export const Swatch = ({ colour, dash }: { colour: string; dash?: string | undefined }) =>
  dash === undefined ? (
    <i className="swatch" style={{ background: colour }} aria-hidden="true" />
  ) : (
    <svg className="swatch-line" width="22" height="10" aria-hidden="true" focusable="false">
      <line x1="0" y1="5" x2="22" y2="5" stroke={colour} strokeWidth="2.5" strokeDasharray={dash} />
    </svg>
  )
