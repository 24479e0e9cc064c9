import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier } from '../property-types.ts'

export const messageSent = defineEvent({
  type: 'message_sent',
  title: 'Message sent',
  description:
    'A message in the chat of a member. An action of the member only if the member sent it. The text is never stored, only its length.',
  properties: z.object({
    conversation_id: identifier,
    sender: z.enum(['member', 'coach', 'ai']),
    length: z.int().min(0).nullish().describe('Characters'),
    text: z.string().nullish().describe('Never stored: replaced by its length'),
    coach_id: identifier.nullish(),
  }),
  actor: (properties) => (properties.sender === 'member' ? 'member' : 'system'),
  subject: 'conversation_id',
  example: { conversation_id: 'chat-17', sender: 'member', length: 42 },
})
