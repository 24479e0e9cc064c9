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

/** Good or bad news; under half a percent is none. */
export function toneOf(change: number | null | undefined, better: 'lower' | undefined): Tone {
  if (change === null || change === undefined || Math.abs(change) < 0.005) return 'plain'
  return change > 0 === (better !== 'lower') ? 'good' : 'bad'
}

export interface Moved {
  readonly value: number | null
  readonly previous: number | null
  readonly change: number | null
  readonly unit: Unit
  readonly better?: 'lower' | undefined
}

/** How it moved: relative, a share in percentage points. */
export function movedBy({ value, previous, change, unit }: Moved, format: Format): string {
  if (unit.kind !== 'ratio' || value === null || previous === null) return format.change(change)
  return format.points(value - previous)
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
  const change = value === null || !previous ? null : (value - previous) / previous
  return (
    <span className="against">
      <Change moved={{ value, previous, change, unit, better }} />
    </span>
  )
}

/** ▲ 3.4 % against the period before. */
export function Change({ moved, than }: { moved: Moved; than?: string }) {
  const format = useFormat()
  const { change, better } = moved
  if (change === null) return <span className="change plain">nothing to compare</span>
  return (
    <span className={`change ${toneOf(change, better)}`}>
      <span aria-hidden="true">{change > 0.0005 ? '▲' : change < -0.0005 ? '▼' : '■'}</span> {movedBy(moved, format)}
      {than && <span className="than"> {than}</span>}
    </span>
  )
}
