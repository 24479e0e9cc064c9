import type { Column } from './data.ts'
import { colourAt, dashAt } from './palette.ts'

export type Kind = 'line' | 'area' | 'bar' | 'stack'

export const PREVIOUS_DASH = '4 4'

export const current = (columns: readonly Column[]): Column[] => columns.filter(({ isPrevious }) => !isPrevious)

export const colourOf = (columns: readonly Column[], column: Column): string =>
  column.isPrevious ? 'var(--previous)' : colourAt(current(columns).indexOf(column))

/** How a column is drawn, for its legend: lines by colour and dash, so that none depends on colour alone. */
export function lookOf(columns: readonly Column[], column: Column, kind: Kind): { colour: string; dash?: string } {
  const colour = colourOf(columns, column)
  if (column.isPrevious) return { colour, dash: PREVIOUS_DASH }
  return kind === 'line' ? { colour, dash: dashAt(current(columns).indexOf(column)) } : { colour }
}
