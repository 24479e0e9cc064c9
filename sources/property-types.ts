import { z } from 'zod'

/** Id of a goal, habit, conversation…: visible characters, at most 128. */
export const identifier = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\p{C}\p{Z}](?:[^\p{C}]*[^\p{C}\p{Z}])?$/u, 'must be visible characters')

/** A label: a plan, a category, a screen. */
export const label = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\p{C}]*$/u, 'must not contain control characters')

/** A day of the tenant's calendar, YYYY-MM-DD, real (2026-02-30 is refused). */
export const localDate = z.iso.date()

/** When a habit is expected: on chosen ISO weekdays (1 Monday … 7 Sunday), or n times in any week. */
export const habitSchedule = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('weekdays'),
    days: z
      .array(z.int().min(1).max(7))
      .min(1)
      .max(7)
      .refine((days) => new Set(days).size === days.length, 'must not repeat a day'),
  }),
  z.object({ kind: z.literal('times_per_week'), times: z.int().min(1).max(7) }),
])

/** 1 (worst) to 5 (best). */
export const fiveScale = z.int().min(1).max(5)

export const persona = label.describe('Persona of the AI coach, the dimension of AI metrics')
