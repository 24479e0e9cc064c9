import { z } from 'zod'
import { defineEvent } from '../event-type.ts'

export const sessionEnded = defineEvent({
  type: 'session_ended',
  title: 'Session ended',
  description: 'The member left the app.',
  properties: z.object({
    duration_seconds: z.number().min(0).nullish(),
  }),
  example: { duration_seconds: 312 },
})
