import type { Card } from '../../db/cards.ts'
import type { Column } from '../../db/exports/tables.ts'
import type { DescribedUnit } from '../../db/unit.ts'

/** A card as a page shows it. */
export type ReportCard = Pick<Card, 'name' | 'title' | 'value' | 'previous' | 'change' | 'target' | 'status' | 'unit'>

export type Value = string | number | boolean | null

/** What CSV and Parquet hold: flat rows, numbers as the API gives them. */
export interface Sheet {
  readonly columns: readonly Column[]
  readonly rows: readonly Readonly<Record<string, Value>>[]
}

export interface ChartSeries {
  readonly name: string
  readonly values: readonly (number | null)[]
}

export interface Chart {
  readonly title: string
  readonly kind: 'line' | 'stacked'
  readonly unit: DescribedUnit
  readonly labels: readonly string[]
  readonly series: readonly ChartSeries[]
  /** Drawn as a dashed line. */
  readonly target?: number | undefined
}

/** A table for people: cells are formatted already. `shade`: 0–1, the cell's tint. */
export interface Cell {
  readonly text: string
  readonly shade?: number
}
export interface PageTable {
  readonly title: string
  readonly columns: readonly { readonly title: string; readonly align: 'left' | 'right' }[]
  readonly rows: readonly (readonly Cell[])[]
}

/** Everything an export says; PDF shows all of it, CSV and Parquet the sheet. */
export interface Report {
  readonly title: string
  readonly tenant: string
  /** The range in words, and the zone it was cut in. */
  readonly range: string
  readonly timezone: string
  readonly generatedAt: string
  readonly cards: readonly ReportCard[]
  readonly charts: readonly Chart[]
  /** Small ones beside each other rather than one below the other. */
  readonly chartsPerRow: 1 | 2
  readonly tables: readonly PageTable[]
  readonly definitions: readonly { readonly title: string; readonly text: string }[]
  readonly notes: readonly string[]
  readonly sheet: Sheet
}
