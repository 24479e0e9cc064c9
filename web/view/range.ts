/** Ranges people ask for, counted back from today in the tenant's calendar. */
export const presets = ['7d', '30d', '90d', '6m', '12m', '24m'] as const
export type Preset = (typeof presets)[number]

export const presetTitles: Readonly<Record<Preset, string>> = {
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
  '90d': 'Last 90 days',
  '6m': 'Last 6 months',
  '12m': 'Last 12 months',
  '24m': 'Last 24 months',
}

const DAY_MS = 86_400_000

/** Today as the tenant's calendar has it. */
export function todayIn(timezone: string, now = new Date()): string {
  const parts = new Intl.DateTimeFormat('en-CA', { timeZone: timezone, dateStyle: 'short' }).format(now)
  return parts.slice(0, 10)
}

export const addDays = (day: string, days: number): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10)

function addMonths(day: string, months: number): string {
  const at = new Date(`${day.slice(0, 7)}-01T00:00:00Z`)
  at.setUTCMonth(at.getUTCMonth() + months)
  return at.toISOString().slice(0, 10)
}

/** `to` is exclusive and holds today; months begin on their first day, so that no bucket is cut. */
export function rangeDates(preset: Preset, timezone: string, now = new Date()): { from: string; to: string } {
  const today = todayIn(timezone, now)
  const to = addDays(today, 1)
  const count = Number.parseInt(preset, 10)
  if (preset.endsWith('d')) return { from: addDays(to, -count), to }
  // 24 months back from the first of this month, this month being the last.
  return { from: addMonths(today, 1 - count), to }
}
