import { DateTime } from 'luxon'
import { cohortName } from '../../../db/cohorts.ts'
import { readQuerySchema } from './read-query.ts'

export { cohortName, pool, readTriangle, type Triangle } from '../../../db/cohorts.ts'

/** Cohorts are filtered by what a member had on signing up. */
export const cohortFilters = {
  'filter[plan]': readQuerySchema.shape['filter[plan]'],
  'filter[coach]': readQuerySchema.shape['filter[coach]'],
}

/** The first day and unit a cohort name stands for; undefined when it names none. */
export function parseCohort(name: string): { unit: 'week' | 'month'; from: DateTime } | undefined {
  const unit = /^\d{4}-W\d{2}$/.test(name) ? 'week' : /^\d{4}-\d{2}$/.test(name) ? 'month' : undefined
  if (unit === undefined) return undefined
  const from = DateTime.fromISO(name, { zone: 'utc' })
  return from.isValid && cohortName(from.toISODate() ?? '', unit) === name ? { unit, from } : undefined
}
