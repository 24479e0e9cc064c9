import type { ReactNode } from 'react'

export interface MatrixCell {
  readonly key: string
  /** 0…1: how strong the colour is; null leaves the cell empty. */
  readonly strength: number | null
  readonly text?: string
  readonly title?: string
}

export interface MatrixRow {
  readonly key: string
  readonly head: ReactNode
  readonly extra?: readonly ReactNode[]
  readonly cells: readonly MatrixCell[]
}

interface MatrixProps {
  readonly caption: string
  readonly corner: string
  readonly extraHeads?: readonly string[]
  readonly heads: readonly string[]
  readonly rows: readonly MatrixRow[]
  readonly className?: string
}

const STEPS = 9

/** Values as shades of one colour, in a real table: readable cell by cell without seeing any colour. */
export function Matrix({ caption, corner, extraHeads = [], heads, rows, className = '' }: MatrixProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className="scroll" tabIndex={0} aria-label={caption}>
      <table className={`matrix ${className}`}>
        <caption className="sr">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">{corner}</th>
            {extraHeads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.key}>
              <th scope="row">{row.head}</th>
              {row.extra?.map((value, index) => (
                <td key={extraHeads[index]} className="plain">
                  {value}
                </td>
              ))}
              {row.cells.map(({ key, strength, text, title }) => (
                <td key={key} className={shade(strength)} title={title}>
                  {text ?? <span className="sr">{title}</span>}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

const shade = (strength: number | null): string =>
  strength === null ? 'none' : `heat-${Math.min(STEPS, Math.max(0, Math.round(strength * STEPS)))}`
