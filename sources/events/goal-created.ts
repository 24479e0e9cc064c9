import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier, label, localDate } from '../property-types.ts'

export const goalCreated = defineEvent({
  type: 'goal_created',
  title: 'Goal created',
  description: 'The member set a goal; it is open from now on.',
  properties: z.object({
    goal_id: identifier,
    category: label.nullish(),
    target_date: localDate.nullish(),
  }),
  subject: 'goal_id',
  example: { goal_id: 'goal-9', category: 'fitness', target_date: '2026-06-30' },
})
