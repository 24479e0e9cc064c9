import type { Unit } from '../format.ts'

export interface Axis {
  readonly ticks: number[]
  readonly domain: [number, number]
}

const MOST_STEPS = 5
/** A clock's steps, seconds: thirds of a day are none. */
const CLOCK = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000,
  864_000,
]

/** What one of the unit's shown digits is worth: money comes in cents, shares are shown in hundredths. */
const shownAs = (unit: Unit): number => (unit.kind === 'money' ? 10 ** unit.digits : unit.kind === 'ratio' ? 0.01 : 1)

/** 1, 2, 5 and their tens; 25 and its tens, which 2.5 is not: it would need a digit more than its neighbours. */
function* steps(unit: Unit, span: number): Generator<number> {
  if (unit.kind === 'seconds') yield* CLOCK
  const one = shownAs(unit)
  for (let power = Math.floor(Math.log10(span / one / MOST_STEPS)) - 1; ; power++)
    for (const digit of [1, 2, 2.5, 5]) if (digit !== 2.5 || power > 0) yield digit * 10 ** power * one
}

/**
 * Round ticks around values, at most six of them, and from zero where bars or areas are drawn from it. Values that are all the
 * same are seen from zero: their own size is the only measure there is.
 */
export function axisOf(values: readonly (number | null | undefined)[], unit: Unit, fromZero: boolean): Axis {
  const known = values.filter((value) => value !== null && value !== undefined)
  const isFlat = new Set(known).size < 2
  const anchors = fromZero || isFlat ? [0, ...known] : known
  const low = Math.min(...anchors)
  const high = Math.max(...anchors) === low ? low + shownAs(unit) : Math.max(...anchors)
  const floor = (step: number) => Math.floor(low / step + 1e-9)
  const ceiling = (step: number) => Math.ceil(high / step - 1e-9)
  // Half a member is none.
  const least = unit.kind === 'count' && known.every(Number.isInteger) ? 1 : 0
  for (const step of steps(unit, high - low)) {
    if (step < least || ceiling(step) - floor(step) > MOST_STEPS) continue
    const ticks = Array.from({ length: ceiling(step) - floor(step) + 1 }, (_, index) => (floor(step) + index) * step)
    return { ticks, domain: [ticks[0] ?? low, ticks.at(-1) ?? high] }
  }
  throw new Error('steps end nowhere')
}
