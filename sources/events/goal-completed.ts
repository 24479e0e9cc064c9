import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier } from '../property-types.ts'

export const goalCompleted = defineEvent({
  type: 'goal_completed',
  title: 'Goal completed',
  description: 'The member reached a goal. A repeat on a completed goal changes nothing.',
  properties: z.object({
    goal_id: identifier,
  }),
  subject: 'goal_id',
  example: { goal_id: 'goal-9' },
})
