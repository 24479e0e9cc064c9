import { DateTime } from 'luxon'
import { z } from 'zod'
import { cohortName } from '../../../db/cohorts.ts'
import { readQuerySchema } from './read-query.ts'

export { cohortName, modes, pool, readTriangle, type Triangle, units } from '../../../db/cohorts.ts'

/** Cohorts are filtered by what a member had on signing up. */
export const cohortFilters = {
  'filter[plan]': readQuerySchema.shape['filter[plan]'],
  'filter[coach]': readQuerySchema.shape['filter[coach]'],
}

export const cellSchema = z.object({
  n: z.int(),
  retained: z.number().nullable().describe('null while the cell is not over.'),
  rate: z.number().nullable(),
})
export const cohortSchema = z.object({
  cohort: z.string(),
  from: z.string(),
  size: z.number(),
  cells: z.array(cellSchema),
})
export const pooledSchema = z.object({
  n: z.int(),
  size: z.number(),
  retained: z.number(),
  rate: z.number().nullable().describe('Retained of all cohorts / their sizes, cells that are over only.'),
  mean: z.number().nullable().describe('Mean of the cohorts’ rates, cells that are over only.'),
})

/** The first day and unit a cohort name stands for; undefined when it names none. */
export function parseCohort(name: string): { unit: 'week' | 'month'; from: DateTime } | undefined {
  const unit = /^\d{4}-W\d{2}$/.test(name) ? 'week' : /^\d{4}-\d{2}$/.test(name) ? 'month' : undefined
  if (unit === undefined) return undefined
  const from = DateTime.fromISO(name, { zone: 'utc' })
  return from.isValid && cohortName(from.toISODate() ?? '', unit) === name ? { unit, from } : undefined
}
