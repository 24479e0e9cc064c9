import type { Format, Unit } from '../format.ts'

export type Tone = 'good' | 'bad' | 'plain'

export interface Moved {
  readonly value: number | null
  readonly previous: number | null
  readonly change: number | null
  readonly unit: Unit
  readonly better?: 'lower' | undefined
}

/** What is written as no change at all. */
const NOTHING = 0.0005
export const isMoved = (by: number): boolean => Math.abs(by) > NOTHING

/** By how much: a share by the difference, everything else relatively; null where there is nothing to compare. */
export function move({ value, previous, change, unit }: Moved): number | null {
  if (unit.kind !== 'ratio') return change
  return value === null || previous === null ? null : value - previous
}

/** Good or bad news; under half a percent is none. */
export function toneOf(moved: Moved): Tone {
  const by = move(moved)
  if (by === null || Math.abs(by) < (moved.unit.kind === 'ratio' ? NOTHING : 0.005)) return 'plain'
  return by > 0 === (moved.better !== 'lower') ? 'good' : 'bad'
}

/** How it moved: relative, a share in percentage points. */
export const movedBy = (moved: Moved, format: Format): string => {
  const by = move(moved)
  return by !== null && moved.unit.kind === 'ratio' ? format.points(by) : format.change(by)
}
