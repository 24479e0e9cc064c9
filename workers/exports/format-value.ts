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
  change === null ? '–' : `${change > 0 ? '+' : change < 0 ? '−' : ''}${percent.format(Math.abs(change))}`
