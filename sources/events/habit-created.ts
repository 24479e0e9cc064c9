import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { habitSchedule, identifier } from '../property-types.ts'

export const habitCreated = defineEvent({
  type: 'habit_created',
  title: 'Habit created',
  description: 'The member started a habit; expected from the local day of this event on.',
  properties: z.object({
    habit_id: identifier,
    schedule: habitSchedule,
  }),
  subject: 'habit_id',
  example: { habit_id: 'habit-2', schedule: { kind: 'weekdays', days: [1, 3, 5] } },
})
