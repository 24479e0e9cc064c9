/** One euro is `rate` units of `currency` (lower case) at the close of `day`. */
export interface DailyRate {
  readonly currency: string
  readonly day: string
  readonly rate: string
}

const DAY = /^\d{4}-\d{2}-\d{2}$/
const RATE = /^\d+(\.\d+)?$/

/**
 * Rates from rows of a CSV in either of two forms: the ECB's own (`Date,USD,JPY,…`; `N/A` where there was none) or one rate a
 * row (`day,currency,rate`). Throws RangeError naming the row that is neither.
 */
export function ratesOfRows(rows: readonly Readonly<Record<string, string>>[]): DailyRate[] {
  return rows.flatMap((row, index) => {
    const day = (row.Date ?? row.date ?? row.day ?? '').trim()
    if (!DAY.test(day)) throw new RangeError(`row ${index + 1}: no day such as 2026-01-02`)
    const pairs = row.rate === undefined ? Object.entries(row) : [[row.currency ?? '', row.rate] as const]
    return pairs.flatMap(([code, value]) => {
      const currency = code.trim().toLowerCase()
      if (!/^[a-z]{3}$/.test(currency) || currency === 'day' || currency === 'eur') return []
      const rate = value.trim()
      if (rate === '' || rate === 'N/A') return []
      if (!RATE.test(rate) || Number(rate) === 0) throw new RangeError(`row ${index + 1}: ${code} has no rate above 0`)
      return [{ currency, day, rate }]
    })
  })
}
