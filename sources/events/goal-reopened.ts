import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier } from '../property-types.ts'

export const goalReopened = defineEvent({
  type: 'goal_reopened',
  title: 'Goal reopened',
  description: 'A completed or abandoned goal is open again.',
  properties: z.object({
    goal_id: identifier,
  }),
  subject: 'goal_id',
  example: { goal_id: 'goal-9' },
})
