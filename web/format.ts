import type { Granularity } from '../metrics/metric.ts'
import { type Numbers, numbersFor } from './numbers.ts'

export type { Unit } from './numbers.ts'

/**
 * Numbers and dates as the tenant's locale writes them, in its currency and time zone; the words around them are English, as the
 * pages are: units (days, h, min, K, M) too. Names of months and weekdays are part of a date. `null` is written as a dash: there
 * is no value.
 */
export interface Format extends Numbers {
  /** A bucket's start (local date, or an instant for hours), as precise as the granularity. */
  readonly bucket: (t: string, granularity: Granularity) => string
  readonly bucketShort: (t: string, granularity: Granularity) => string
  readonly day: (date: string) => string
  readonly weekday: (iso: number, style?: 'short' | 'long') => string
  readonly instant: (iso: string) => string
  /** The time of day; with the date when that is another one than today's. */
  readonly clock: (iso: string, now?: number) => string
  /** "2 minutes ago" */
  readonly ago: (iso: string, now?: number) => string
}

export function formatFor({ locale, timezone }: { locale: string; timezone: string }): Format {
  const date = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, options)
  const dayMonth = date({ day: 'numeric', month: 'short', timeZone: 'UTC' })
  const fullDay = date({ day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' })
  const month = date({ month: 'long', year: 'numeric', timeZone: 'UTC' })
  const monthShort = date({ month: 'short', year: '2-digit', timeZone: 'UTC' })
  const hour = date({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', timeZone: timezone })
  const instant = date({ dateStyle: 'medium', timeStyle: 'short', timeZone: timezone })
  const time = date({ hour: '2-digit', minute: '2-digit', timeZone: timezone })
  const localDay = date({ dateStyle: 'short', timeZone: timezone })
  const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
  // A local date has no zone: it is written as it is.
  const asDate = (t: string) => new Date(`${t.slice(0, 10)}T00:00:00Z`)

  return {
    ...numbersFor(locale),
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
    clock: (iso, now = Date.now()) => {
      const at = new Date(iso)
      return (localDay.format(at) === localDay.format(now) ? time : instant).format(at)
    },
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
