import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier, localDate } from '../property-types.ts'

export const habitChecked = defineEvent({
  type: 'habit_checked',
  title: 'Habit checked',
  description: 'The member did a habit. Several checks of one day count once.',
  properties: z.object({
    habit_id: identifier,
    for_date: localDate.nullish().describe('Local day it counts for; default: the local day of occurred_at'),
  }),
  subject: 'habit_id',
  example: { habit_id: 'habit-2', for_date: '2026-03-30' },
})
