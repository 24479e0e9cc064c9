import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { label } from '../property-types.ts'

export const screenViewed = defineEvent({
  type: 'screen_viewed',
  title: 'Screen viewed',
  description: 'The member looked at a screen.',
  properties: z.object({
    screen: label,
  }),
  example: { screen: 'goals' },
})
