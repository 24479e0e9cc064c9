import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier } from '../property-types.ts'

export const goalAbandoned = defineEvent({
  type: 'goal_abandoned',
  title: 'Goal abandoned',
  description: 'The member gave a goal up.',
  properties: z.object({
    goal_id: identifier,
  }),
  subject: 'goal_id',
  example: { goal_id: 'goal-9' },
})
