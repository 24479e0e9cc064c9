import { type ReactNode, useId, useRef, useState } from 'react'
import { useFormat } from '../session/session.tsx'
import { Menu } from '../ui/menu.tsx'
import type { Column, TimeTable } from './data.ts'
import { fileName, type LegendEntry, save, toCsv, toPng } from './download.ts'
import { Swatch } from './tip.tsx'
import { type Kind, lookOf } from './trend-colours.ts'

/** Rows and columns of whatever is drawn, for the table and the CSV. The first row is the head. */
export type Cells = readonly (readonly (string | number | null)[])[]

interface PanelProps {
  readonly title: string
  /** What it means, in a sentence or two; shown on demand. */
  readonly definition?: string | undefined
  /** One line below the title: what to see. */
  readonly lead?: ReactNode
  readonly legend?: readonly LegendEntry[]
  /** Raw values, as in the API's answer. */
  readonly cells?: (() => Cells) | undefined
  /** The same written as the tenant writes numbers, for the table on the page. */
  readonly shown?: (() => Cells) | undefined
  readonly children: ReactNode
  readonly className?: string
}

/** A chart with its title, definition, legend, table and downloads. */
export function Panel({ title, definition, lead, legend = [], cells, shown, children, className = '' }: PanelProps) {
  const [isTable, setTable] = useState(false)
  const [failed, setFailed] = useState(false)
  const panel = useRef<HTMLElement>(null)
  const heading = useId()
  const png = async () => {
    if (!panel.current) return
    try {
      setFailed(false)
      save(await toPng(panel.current, title, legend), fileName(title, 'png'))
    } catch {
      setFailed(true)
    }
  }
  return (
    <section className={`panel ${className}`} aria-labelledby={heading} ref={panel}>
      <header className="panel-head">
        <div>
          <h2 id={heading}>{title}</h2>
          {lead && <p className="lead">{lead}</p>}
        </div>
        {cells && (
          <Menu label={`${title}: more`}>
            <button type="button" onClick={() => setTable(!isTable)}>
              {isTable ? 'Show the chart' : 'Show as a table'}
            </button>
            <button
              type="button"
              onClick={() => save(new Blob([toCsv(cells())], { type: 'text/csv' }), fileName(title, 'csv'))}
            >
              Download CSV
            </button>
            <button type="button" onClick={png} disabled={isTable}>
              Download PNG
            </button>
          </Menu>
        )}
      </header>
      {legend.length > 1 && !isTable && (
        <ul className="legend">
          {legend.map((entry) => (
            <li key={entry.title}>
              <Swatch colour={entry.colour} dash={entry.dash} />
              {entry.title}
            </li>
          ))}
        </ul>
      )}
      {isTable && cells ? <CellTable cells={(shown ?? cells)()} caption={title} /> : children}
      {failed && <p role="alert">The image could not be made in this browser.</p>}
      {definition && (
        <details className="definition">
          <summary>How it is counted</summary>
          <p>{definition}</p>
        </details>
      )}
    </section>
  )
}

function CellTable({ cells, caption }: { cells: Cells; caption: string }) {
  const [head = [], ...rows] = cells
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className="scroll" tabIndex={0} aria-label={`${caption}, table`}>
      <table className="list">
        <thead>
          <tr>
            {head.map((cell) => (
              <th key={String(cell)} scope="col">
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={String(row[0])}>
              {row.map((cell, index) =>
                index === 0 ? (
                  <th key={String(head[index])} scope="row">
                    {cell}
                  </th>
                ) : (
                  <td key={String(head[index])}>{cell ?? '–'}</td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

/** Legend, table and CSV of values over time. */
export function useTimeCells(table: TimeTable, kind: Kind) {
  const format = useFormat()
  const { columns, rows, granularity } = table
  const head = ['Period', ...columns.map(({ title }) => title)]
  const legendOf = (column: Column) => ({ title: column.title, ...lookOf(columns, column, kind) })
  return {
    legend: columns.map(legendOf),
    cells: (): Cells => [head, ...rows.map(({ t, values }) => [t, ...columns.map(({ key }) => values[key] ?? null)])],
    shown: (): Cells => [
      head,
      ...rows.map(({ t, values, partial }) => [
        format.bucket(t, granularity) + (partial ? ' (so far)' : ''),
        ...columns.map(({ key, unit }) => format.value(values[key], unit)),
      ]),
    ],
  }
}
