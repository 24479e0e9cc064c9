import { parseDay } from './zone.ts'

type TwinPlan = { readonly name: string; readonly monthly_cents: number }

/** How often nudges of a persona bring a member back within a day, on top of what the member does anyway. */
export type TwinPersona = { readonly name: string; readonly effect: number; readonly rating: number }

export type TwinOptions = {
  readonly seed: number
  readonly members?: number
  readonly coaches?: number
  /** Local days, `endDate` included. */
  readonly days?: number
  /** Last local day, YYYY-MM-DD. */
  readonly endDate: string
  readonly timezone?: string
  readonly plans?: readonly [TwinPlan, ...TwinPlan[]]
  readonly personas?: readonly [TwinPersona, ...TwinPersona[]]
  /** Share of members that go silent, after planted signs. */
  readonly churn?: number
  /** Events per delivery at most. */
  readonly batchSize?: number
  /** Shares of what goes wrong on the way in; 0 switches it off. */
  readonly duplicates?: number
  readonly late?: number
  readonly skewed?: number
}

export type TwinSettings = Required<TwinOptions>

const defaults = {
  members: 60,
  coaches: 4,
  days: 365,
  timezone: 'Europe/Berlin',
  plans: [
    { name: 'basic', monthly_cents: 1900 },
    { name: 'plus', monthly_cents: 3900 },
    { name: 'pro', monthly_cents: 7900 },
  ],
  personas: [
    { name: 'mentor', effect: 0.35, rating: 4.5 },
    { name: 'cheerleader', effect: 0.25, rating: 4.2 },
    { name: 'analyst', effect: 0.12, rating: 3.8 },
    { name: 'drill_sergeant', effect: 0.03, rating: 3.1 },
  ],
  churn: 0.3,
  batchSize: 500,
  duplicates: 0.02,
  late: 0.04,
  skewed: 0.02,
} as const satisfies Partial<TwinOptions>

/** Fills in the defaults; throws on a number that makes no twin. */
export function twinSettings(options: TwinOptions): TwinSettings {
  const settings: TwinSettings = { ...defaults, ...options }
  for (const name of ['members', 'coaches', 'days', 'batchSize'] as const) {
    if (!Number.isInteger(settings[name]) || settings[name] < 1)
      throw new RangeError(`${name} must be a whole number from 1 on`)
  }
  for (const name of ['churn', 'duplicates', 'late', 'skewed'] as const) {
    if (!(settings[name] >= 0 && settings[name] <= 1)) throw new RangeError(`${name} must be between 0 and 1`)
  }
  if (!Number.isFinite(parseDay(settings.endDate))) throw new RangeError('endDate must be a day, YYYY-MM-DD')
  return settings
}
