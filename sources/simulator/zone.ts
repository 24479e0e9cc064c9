const dayMs = 86_400_000
const quarterMs = 900_000

/** A local calendar day as the number of days since 1970-01-01. */
export type LocalDay = number

export type Zone = {
  readonly dayOf: (at: number) => LocalDay
  /** Minutes since local midnight, 0–1439. */
  readonly minuteOf: (at: number) => number
  /** The instant at which clocks show that minute of that day; in a DST gap the hour after, in an overlap either. */
  readonly instantOf: (day: LocalDay, minute: number) => number
}

/** Clock of an IANA zone. Offsets are read from Intl once per UTC day, per quarter of an hour on days of a change. */
export function zoneClock(timezone: string): Zone {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  })
  const days = new Map<number, number | 'changes'>()
  const quarters = new Map<number, number>()

  const read = (at: number): number => {
    const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = part
    return Date.UTC(year, month - 1, day, hour, minute) - Math.floor(at / 60_000) * 60_000
  }
  const offset = (at: number): number => {
    const day = Math.floor(at / dayMs)
    let known = days.get(day)
    if (known === undefined) {
      const first = read(day * dayMs)
      known = first === read((day + 1) * dayMs) ? first : 'changes'
      days.set(day, known)
    }
    if (known !== 'changes') return known
    const quarter = Math.floor(at / quarterMs)
    const value = quarters.get(quarter) ?? read(quarter * quarterMs)
    quarters.set(quarter, value)
    return value
  }
  return {
    dayOf: (at) => Math.floor((at + offset(at)) / dayMs),
    minuteOf: (at) => Math.floor((((at + offset(at)) % dayMs) + dayMs) / 60_000) % 1440,
    instantOf: (day, minute) => {
      const wall = day * dayMs + minute * 60_000
      const guess = wall - offset(wall)
      return wall - offset(guess)
    },
  }
}

export const dayText = (day: LocalDay): string => new Date(day * dayMs).toISOString().slice(0, 10)

export const parseDay = (text: string): LocalDay => Math.floor(Date.parse(`${text}T00:00:00Z`) / dayMs)

/** ISO weekday: 1 Monday … 7 Sunday (day 0, 1970-01-01, was a Thursday). */
export const weekdayOf = (day: LocalDay): number => ((((day + 3) % 7) + 7) % 7) + 1

export const mondayOf = (day: LocalDay): LocalDay => day - weekdayOf(day) + 1

/** `2026-W14`: the ISO week belongs to the year its Thursday lies in. */
export function weekName(day: LocalDay): string {
  const thursday = mondayOf(day) + 3
  const year = Number(dayText(thursday).slice(0, 4))
  const week = Math.floor((thursday - parseDay(`${year}-01-01`)) / 7) + 1
  return `${year}-W${String(week).padStart(2, '0')}`
}

export const monthName = (day: LocalDay): string => dayText(day).slice(0, 7)
