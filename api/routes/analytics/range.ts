import type { z } from 'zod'
import { type PeriodRange, periodLabel } from '../../../db/period.ts'
import type { rangeSchema } from '../../schemas/series.ts'

/** A range as answers name it; `to` is exclusive. */
export function describeRange(range: PeriodRange): z.infer<typeof rangeSchema> {
  return {
    from: periodLabel(range.fromAt, range.granularity),
    to: periodLabel(range.toAt, range.granularity),
    granularity: range.granularity,
    timezone: range.timezone,
  }
}
