import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier } from '../property-types.ts'

export const nudgeOpened = defineEvent({
  type: 'nudge_opened',
  title: 'Nudge opened',
  description: 'The member opened a nudge.',
  properties: z.object({
    nudge_id: identifier,
  }),
  subject: 'nudge_id',
  example: { nudge_id: 'nudge-301' },
})
