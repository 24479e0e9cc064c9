import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier, label } from '../property-types.ts'

export const nudgeActed = defineEvent({
  type: 'nudge_acted',
  title: 'Nudge acted on',
  description: 'The member did what a nudge proposed, through the nudge.',
  properties: z.object({
    nudge_id: identifier,
    action: label.nullish(),
  }),
  subject: 'nudge_id',
  example: { nudge_id: 'nudge-301', action: 'habit_checked' },
})
