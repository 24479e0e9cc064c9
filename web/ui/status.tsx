import { relativeChange } from '../../metrics/change.ts'
import type { Format, Unit } from '../format.ts'
import { useFormat } from '../session/session.tsx'
import { Icon } from './icons.tsx'

const titles = { on_track: 'On track', at_risk: 'At risk', off_track: 'Off track' } as const
const icons = { on_track: 'check', at_risk: 'warning', off_track: 'cross' } as const
export type Status = keyof typeof titles

/** How a number stands against its target: in words, a sign and a colour. */
export function StatusBadge({ status }: { status: Status }) {
  return (
    <span className={`status ${status}`}>
      <Icon name={icons[status]} size={14} />
      {titles[status]}
    </span>
  )
}

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

/** A number of a table against the period before: its change; nothing when it is not compared. */
export function Against(props: {
  value: number | null
  previous: number | null | undefined
  unit: Unit
  better?: 'lower'
}) {
  const { value, previous, unit, better } = props
  if (previous === undefined) return null
  const change = relativeChange(value, previous)
  return (
    <span className="against">
      <Change moved={{ value, previous, change, unit, better }} />
    </span>
  )
}

/** ▲ 3.4 % against the period before. */
export function Change({ moved, than }: { moved: Moved; than?: string }) {
  const format = useFormat()
  const by = move(moved)
  if (by === null)
    return (
      <span className="change plain">
        {moved.value === null || moved.previous === null
          ? 'nothing to compare'
          : `before: ${format.value(moved.previous, moved.unit)}`}
      </span>
    )
  return (
    <span className={`change ${toneOf(moved)}`}>
      <span aria-hidden="true">{by > NOTHING ? '▲' : by < -NOTHING ? '▼' : '■'}</span> {movedBy(moved, format)}
      {than && <span className="than"> {than}</span>}
    </span>
  )
}
