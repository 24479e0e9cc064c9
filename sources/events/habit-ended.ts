import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier } from '../property-types.ts'

export const habitEnded = defineEvent({
  type: 'habit_ended',
  title: 'Habit ended',
  description: 'The member stopped a habit; nothing is expected from the local day of this event on.',
  properties: z.object({
    habit_id: identifier,
  }),
  subject: 'habit_id',
  example: { habit_id: 'habit-2' },
})
