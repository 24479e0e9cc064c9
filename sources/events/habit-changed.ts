import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { habitSchedule, identifier } from '../property-types.ts'

export const habitChanged = defineEvent({
  type: 'habit_changed',
  title: 'Habit changed',
  description: 'The schedule of a habit changed; the new one holds from the local day of this event on.',
  properties: z.object({
    habit_id: identifier,
    schedule: habitSchedule,
  }),
  subject: 'habit_id',
  example: { habit_id: 'habit-2', schedule: { kind: 'times_per_week', times: 4 } },
})
