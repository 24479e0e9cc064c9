import type { z } from 'zod'
import type { unitSchema } from '../api/schemas/unit.ts'

export type Unit = z.infer<typeof unitSchema>

export interface Numbers {
  readonly value: (value: number | null | undefined, unit: Unit) => string
  /** Shorter, for small places. */
  readonly short: (value: number | null | undefined, unit: Unit) => string
  /** Money without parts of the currency's unit, for sentences. */
  readonly whole: (value: number | null | undefined, unit: Unit) => string
  /** How an axis with these ticks writes them: all in one unit, with as many digits as tell them apart. */
  readonly ticks: (ticks: readonly number[], unit: Unit) => (value: number) => string
  readonly count: (value: number) => string
  readonly percent: (value: number | null | undefined, digits?: number) => string
  /** +3.4 % of a relative change. */
  readonly change: (value: number | null | undefined) => string
  /** +0.7 pp, of a difference of shares. */
  readonly points: (value: number) => string
}

const NONE = '–'
const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const THOUSAND = { size: 1000, suffix: 'K' }
const MILLION = { size: 1_000_000, suffix: 'M' }
const BILLION = { size: 1_000_000_000, suffix: 'B' }
const ONE = { size: 1, suffix: '' }

const scaleOf = (value: number) => {
  const size = Math.abs(value)
  return size >= BILLION.size ? BILLION : size >= MILLION.size ? MILLION : size >= 10_000 ? THOUSAND : ONE
}

/** As many digits as write all of them exactly, six at most. */
function digitsOf(values: readonly number[]): number {
  const isExact = (digits: number) =>
    values.every((value) => Math.abs(value * 10 ** digits - Math.round(value * 10 ** digits)) < 1e-6)
  return [0, 1, 2, 3, 4, 5].find(isExact) ?? 6
}

/** What an axis of durations counts in: by its largest tick and the distance of two. */
function durationOf(ticks: readonly number[]): { size: number; word: string } {
  const step = Math.abs((ticks[1] ?? 0) - (ticks[0] ?? 0))
  const fits = (size: number) => step >= size || (step * 2 >= size && Math.max(...ticks) >= size * 3)
  if (fits(DAY)) return { size: DAY, word: 'days' }
  if (fits(HOUR)) return { size: HOUR, word: 'h' }
  return fits(MINUTE) ? { size: MINUTE, word: 'min' } : { size: 1, word: 's' }
}

export function numbersFor(locale: string): Numbers {
  const made = new Map<string, Intl.NumberFormat>()
  /** Nothing is written as minus nothing. */
  const number = (options: Intl.NumberFormatOptions) => {
    const key = JSON.stringify(options)
    const format = made.get(key) ?? new Intl.NumberFormat(locale, { signDisplay: 'negative', ...options })
    made.set(key, format)
    return format
  }
  const plain = (value: number, digits: number) => number({ maximumFractionDigits: digits }).format(value)
  const percent = (value: number, digits: number) =>
    number({ style: 'percent', maximumFractionDigits: digits }).format(value)
  const signed = number({ style: 'percent', maximumFractionDigits: 1, signDisplay: 'exceptZero' })
  const signedOne = number({ maximumFractionDigits: 1, signDisplay: 'exceptZero' })
  /** 26K, 1,2M €: the suffix stands behind the digits, wherever the currency does. */
  const scaled = (value: number, scale: { size: number; suffix: string }, options: Intl.NumberFormatOptions) => {
    const parts = number(options).formatToParts(value / scale.size)
    const last = parts.findLastIndex(({ type }) => type === 'integer' || type === 'fraction')
    return parts.map(({ value: text }, index) => (index === last ? text + scale.suffix : text)).join('')
  }
  const compact = (value: number) => scaled(value, scaleOf(value), { maximumFractionDigits: 1 })
  const days = (value: number) => {
    const text = plain(value, 1)
    return `${text} ${text === plain(1, 0) ? 'day' : 'days'}`
  }
  const inCurrency = (currency: string, least: number, most = least): Intl.NumberFormatOptions => ({
    style: 'currency',
    currency,
    minimumFractionDigits: least,
    maximumFractionDigits: most,
  })
  const money = (value: number, { currency, digits }: { currency: string; digits: number }) => {
    const major = value / 10 ** digits
    return number(inCurrency(currency, Math.abs(major) >= 1000 ? 0 : digits)).format(major)
  }
  const moneyShort = (value: number, { currency, digits }: { currency: string; digits: number }) => {
    const major = value / 10 ** digits
    const scale = scaleOf(major)
    return scaled(major, scale, inCurrency(currency, 0, scale === ONE ? 0 : 1))
  }
  const seconds = (value: number) => {
    if (value < 90) return `${plain(value, 0)} s`
    if (value < 90 * MINUTE) return `${plain(value / MINUTE, 0)} min`
    return value < 1.5 * DAY ? `${plain(value / HOUR, 1)} h` : days(value / DAY)
  }
  const show = (value: number | null | undefined, unit: Unit, isShort: boolean): string => {
    if (value === null || value === undefined) return NONE
    switch (unit.kind) {
      case 'money':
        return isShort ? moneyShort(value, unit) : money(value, unit)
      case 'ratio':
        return percent(value, isShort ? 0 : 1)
      case 'minutes':
        return isShort ? compact(value) : `${plain(value, 0)} min`
      case 'seconds':
        return seconds(value)
      case 'days':
        return days(value)
      case 'score':
        return plain(value, Math.abs(value) < 10 ? 2 : 1)
      case 'count':
        return isShort && Math.abs(value) >= 10_000 ? compact(value) : plain(value, Math.abs(value) < 100 ? 2 : 0)
      default:
        return unit satisfies never
    }
  }
  const ticksOf = (ticks: readonly number[], unit: Unit): ((value: number) => string) => {
    const most = Math.max(...ticks.map(Math.abs))
    const digits = (size: number) => digitsOf(ticks.map((tick) => tick / size))
    // Zero needs no thousands.
    switch (unit.kind) {
      case 'ratio': {
        const places = digits(0.01)
        return (value) => percent(value, places)
      }
      case 'money': {
        const minor = 10 ** unit.digits
        const scale = scaleOf(most / minor)
        const options = inCurrency(unit.currency, 0, digits(minor * scale.size))
        return (value) => scaled(value / minor, value === 0 ? ONE : scale, options)
      }
      case 'seconds': {
        const { size, word } = durationOf(ticks)
        const places = digits(size)
        return (value) => `${plain(value / size, places)} ${word}`
      }
      case 'days': {
        const places = digits(1)
        return (value) => `${plain(value, places)} days`
      }
      default: {
        const scale = scaleOf(most)
        const places = digits(scale.size)
        return (value) => scaled(value, value === 0 ? ONE : scale, { maximumFractionDigits: places })
      }
    }
  }

  return {
    value: (value, unit) => show(value, unit, false),
    short: (value, unit) => show(value, unit, true),
    whole: (value, unit) =>
      value !== null && value !== undefined && unit.kind === 'money'
        ? number(inCurrency(unit.currency, 0)).format(value / 10 ** unit.digits)
        : show(value, unit, false),
    ticks: ticksOf,
    count: (value) => plain(value, 2),
    percent: (value, digits = 1) => (value === null || value === undefined ? NONE : percent(value, digits)),
    change: (value) => (value === null || value === undefined ? NONE : signed.format(value)),
    points: (value) => `${signedOne.format(100 * value)} pp`,
  }
}
