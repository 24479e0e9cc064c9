import type { Column } from './data.ts'
import { colourAt } from './palette.ts'

export const current = (columns: readonly Column[]): Column[] => columns.filter(({ isPrevious }) => !isPrevious)

export const colourOf = (columns: readonly Column[], column: Column): string =>
  column.isPrevious ? 'var(--previous)' : colourAt(current(columns).indexOf(column))
