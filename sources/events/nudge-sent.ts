import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier, label, persona } from '../property-types.ts'

export const nudgeSent = defineEvent({
  type: 'nudge_sent',
  title: 'Nudge sent',
  description: 'A nudge was delivered to the member. Not an action of the member.',
  properties: z.object({
    nudge_id: identifier,
    persona,
    channel: label.nullish(),
  }),
  actor: 'system',
  subject: 'nudge_id',
  example: { nudge_id: 'nudge-301', persona: 'mentor', channel: 'push' },
})
