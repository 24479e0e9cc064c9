import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { fiveScale, identifier } from '../property-types.ts'

export const aiSessionRated = defineEvent({
  type: 'ai_session_rated',
  title: 'AI session rated',
  description: 'The member rated a session with the AI coach, 1 (worst) to 5 (best).',
  properties: z.object({
    ai_session_id: identifier,
    rating: fiveScale,
  }),
  subject: 'ai_session_id',
  example: { ai_session_id: 'ai-88', rating: 5 },
})
