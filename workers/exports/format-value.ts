import type { DescribedUnit } from '../../db/unit.ts'

const number = (digits: number, least = 0) =>
  new Intl.NumberFormat('en', { maximumFractionDigits: digits, minimumFractionDigits: least })
const whole = number(1)
const hundredths = number(2, 2)
const percent = new Intl.NumberFormat('en', { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 })

/** A value as a person reads it; – where there is none. Money comes in minor units. */
export function formatValue(value: number | null, unit: DescribedUnit): string {
  if (value === null) return '–'
  switch (unit.kind) {
    case 'ratio':
      return percent.format(value)
    case 'count':
      return whole.format(value)
    case 'score':
      return hundredths.format(value)
    case 'minutes':
      return `${whole.format(value)} min`
    case 'days':
      return `${whole.format(value)} d`
    case 'seconds':
      return duration(value)
    case 'money':
      return new Intl.NumberFormat('en', { style: 'currency', currency: unit.currency }).format(
        value / 10 ** unit.digits,
      )
  }
}

function duration(seconds: number): string {
  if (seconds < 60) return `${whole.format(seconds)} s`
  if (seconds < 3600) return `${whole.format(seconds / 60)} min`
  return `${whole.format(seconds / 3600)} h`
}

/** A relative change with its sign. */
export const formatChange = (change: number | null): string =>
  change === null ? '–' : signed(change, percent.format(Math.abs(change)))

/** How a card moved: a share in percentage points, everything else relatively; – where that says nothing. */
export const formatMoved = ({ value, previous, change, unit }: Moved): string =>
  unit.kind === 'ratio' && value !== null && previous !== null
    ? signed(value - previous, `${(Math.abs(value - previous) * 100).toFixed(1)} pp`)
    : formatChange(change)

interface Moved {
  readonly value: number | null
  readonly previous: number | null
  readonly change: number | null
  readonly unit: DescribedUnit
}

/** What is shown as nothing has no sign. */
const signed = (by: number, shown: string): string => (/[1-9]/.test(shown) ? `${by < 0 ? '−' : '+'}${shown}` : shown)
