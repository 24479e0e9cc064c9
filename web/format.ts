import type { z } from 'zod'
import type { unitSchema } from '../api/schemas/unit.ts'
import type { Granularity } from '../metrics/metric.ts'

export type Unit = z.infer<typeof unitSchema>

/** Numbers and dates in the tenant's locale, currency and time zone. `null` is written as a dash: there is no value. */
export interface Format {
  readonly value: (value: number | null | undefined, unit: Unit) => string
  /** Shorter, for axes and small cards. */
  readonly short: (value: number | null | undefined, unit: Unit) => string
  readonly count: (value: number) => string
  readonly percent: (value: number | null | undefined, digits?: number) => string
  /** +3.4 % of a relative change. */
  readonly change: (value: number | null | undefined) => string
  /** +0.7 pp, of a difference of shares. */
  readonly points: (value: number) => string
  /** A bucket's start (local date, or an instant for hours), as precise as the granularity. */
  readonly bucket: (t: string, granularity: Granularity) => string
  readonly bucketShort: (t: string, granularity: Granularity) => string
  readonly day: (date: string) => string
  readonly weekday: (iso: number, style?: 'short' | 'long') => string
  readonly instant: (iso: string) => string
  readonly ago: (iso: string, now?: number) => string
}

const NONE = '–'

export function formatFor({ locale, timezone }: { locale: string; timezone: string }): Format {
  const number = (options: Intl.NumberFormatOptions) => new Intl.NumberFormat(locale, options)
  const date = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, options)
  const one = number({ maximumFractionDigits: 1 })
  const two = number({ maximumFractionDigits: 2 })
  const whole = number({ maximumFractionDigits: 0 })
  const compact = number({ notation: 'compact', maximumFractionDigits: 1 })
  const signed = number({ style: 'percent', maximumFractionDigits: 1, signDisplay: 'exceptZero' })
  const signedOne = number({ maximumFractionDigits: 1, signDisplay: 'exceptZero' })
  const percents = new Map<number, Intl.NumberFormat>()
  const percent = (value: number, digits: number) => {
    const format = percents.get(digits) ?? number({ style: 'percent', maximumFractionDigits: digits })
    percents.set(digits, format)
    return format.format(value)
  }
  const units = new Map<string, Intl.NumberFormat>()
  const inUnit = (value: number, unit: string, digits: number) => {
    const key = `${unit}${digits}`
    const format =
      units.get(key) ?? number({ style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: digits })
    units.set(key, format)
    return format.format(value)
  }
  const money = (value: number, unit: { currency: string; digits: number }, isShort: boolean) => {
    const major = value / 10 ** unit.digits
    const large = Math.abs(major) >= 1000
    const options = isShort
      ? { notation: 'compact' as const, maximumFractionDigits: large ? 1 : 0 }
      : { maximumFractionDigits: large ? 0 : unit.digits, minimumFractionDigits: large ? 0 : unit.digits }
    const key = `${unit.currency}${isShort}${large}`
    const format = units.get(key) ?? number({ style: 'currency', currency: unit.currency, ...options })
    units.set(key, format)
    return format.format(major)
  }
  const seconds = (value: number) => {
    const minutes = value / 60
    if (value < 90) return inUnit(value, 'second', 0)
    if (minutes < 90) return inUnit(minutes, 'minute', 0)
    return minutes < 60 * 36 ? inUnit(minutes / 60, 'hour', 1) : inUnit(minutes / 1440, 'day', 1)
  }
  const show = (value: number | null | undefined, unit: Unit, isShort: boolean): string => {
    if (value === null || value === undefined) return NONE
    switch (unit.kind) {
      case 'money':
        return money(value, unit, isShort)
      case 'ratio':
        return percent(value, isShort ? 0 : 1)
      case 'minutes':
        return isShort ? compact.format(value) : `${whole.format(value)} min`
      case 'seconds':
        return seconds(value)
      case 'days':
        return inUnit(value, 'day', 1)
      case 'score':
        return (Math.abs(value) < 10 ? two : one).format(value)
      case 'count':
        return isShort && Math.abs(value) >= 10_000
          ? compact.format(value)
          : (Math.abs(value) < 100 ? two : whole).format(value)
      default:
        return unit satisfies never
    }
  }

  const dayMonth = date({ day: 'numeric', month: 'short', timeZone: 'UTC' })
  const fullDay = date({ day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' })
  const month = date({ month: 'long', year: 'numeric', timeZone: 'UTC' })
  const monthShort = date({ month: 'short', year: '2-digit', timeZone: 'UTC' })
  const hour = date({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', timeZone: timezone })
  const instant = date({ dateStyle: 'medium', timeStyle: 'short', timeZone: timezone })
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })
  // A local date has no zone: it is written as it is.
  const asDate = (t: string) => new Date(`${t.slice(0, 10)}T00:00:00Z`)

  return {
    value: (value, unit) => show(value, unit, false),
    short: (value, unit) => show(value, unit, true),
    count: (value) => two.format(value),
    percent: (value, digits = 1) => (value === null || value === undefined ? NONE : percent(value, digits)),
    points: (value) => `${signedOne.format(100 * value)} pp`,
    change: (value) => (value === null || value === undefined ? NONE : signed.format(value)),
    bucket: (t, granularity) => {
      if (granularity === 'hour') return hour.format(new Date(t))
      if (granularity === 'month') return month.format(asDate(t))
      if (granularity === 'day') return fullDay.format(asDate(t))
      return fullDay.formatRange(asDate(t), new Date(asDate(t).getTime() + 6 * 86_400_000))
    },
    bucketShort: (t, granularity) => {
      if (granularity === 'hour') return hour.format(new Date(t))
      return (granularity === 'month' ? monthShort : dayMonth).format(asDate(t))
    },
    day: (t) => fullDay.format(asDate(t)),
    // 1 January 2024 was a Monday.
    weekday: (iso, style = 'short') =>
      date({ weekday: style, timeZone: 'UTC' }).format(new Date(Date.UTC(2024, 0, iso))),
    instant: (iso) => instant.format(new Date(iso)),
    ago: (iso, now = Date.now()) => {
      const elapsed = (new Date(iso).getTime() - now) / 1000
      const size = Math.abs(elapsed)
      if (size < 90) return relative.format(Math.round(elapsed), 'second')
      if (size < 5400) return relative.format(Math.round(elapsed / 60), 'minute')
      if (size < 129_600) return relative.format(Math.round(elapsed / 3600), 'hour')
      return relative.format(Math.round(elapsed / 86_400), 'day')
    },
  }
}
