import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier } from '../property-types.ts'

export const aiSessionEnded = defineEvent({
  type: 'ai_session_ended',
  title: 'AI session ended',
  description: 'The member ended a session with the AI coach.',
  properties: z.object({
    ai_session_id: identifier,
  }),
  subject: 'ai_session_id',
  example: { ai_session_id: 'ai-88' },
})
