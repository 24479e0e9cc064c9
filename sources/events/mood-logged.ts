import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { fiveScale } from '../property-types.ts'

export const moodLogged = defineEvent({
  type: 'mood_logged',
  title: 'Mood logged',
  description: 'The member rated the day, 1 (worst) to 5 (best).',
  properties: z.object({
    score: fiveScale,
  }),
  example: { score: 4 },
})
