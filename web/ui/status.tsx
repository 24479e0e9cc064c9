import { relativeChange } from '../../metrics/change.ts'
import type { Unit } from '../format.ts'
import { useFormat } from '../session/session.tsx'
import { Icon } from './icons.tsx'
import { isMoved, type Moved, move, movedBy, toneOf } from './moves.ts'

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
      <span aria-hidden="true">{isMoved(by) ? (by > 0 ? '▲' : '▼') : '■'}</span> {movedBy(moved, format)}
      {than && <span className="than"> {than}</span>}
    </span>
  )
}
