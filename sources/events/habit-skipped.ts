import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier, localDate } from '../property-types.ts'

export const habitSkipped = defineEvent({
  type: 'habit_skipped',
  title: 'Habit skipped',
  description: 'The member took the day off: it leaves the expected days and does not break a streak.',
  properties: z.object({
    habit_id: identifier,
    for_date: localDate.nullish().describe('Local day it counts for; default: the local day of occurred_at'),
  }),
  subject: 'habit_id',
  example: { habit_id: 'habit-2' },
})
