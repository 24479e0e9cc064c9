import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier, persona } from '../property-types.ts'

export const aiSessionStarted = defineEvent({
  type: 'ai_session_started',
  title: 'AI session started',
  description: 'The member began a session with the AI coach.',
  properties: z.object({
    ai_session_id: identifier,
    persona: persona.nullish(),
  }),
  subject: 'ai_session_id',
  example: { ai_session_id: 'ai-88', persona: 'mentor' },
})
