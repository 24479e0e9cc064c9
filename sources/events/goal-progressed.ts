import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier } from '../property-types.ts'

export const goalProgressed = defineEvent({
  type: 'goal_progressed',
  title: 'Goal progressed',
  description: 'The member moved a goal forward.',
  properties: z.object({
    goal_id: identifier,
    progress: z.number().min(0).max(1).nullish().describe('Share done, 0 to 1'),
  }),
  subject: 'goal_id',
  example: { goal_id: 'goal-9', progress: 0.4 },
})
