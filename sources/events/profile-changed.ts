import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier, label } from '../property-types.ts'

export const profileChanged = defineEvent({
  type: 'profile_changed',
  title: 'Profile changed',
  description: 'The plan or the coach of a member changed. A property that is absent or null is unchanged.',
  properties: z.object({
    plan: label.nullish(),
    coach_id: identifier.nullish(),
  }),
  actor: 'system',
  example: { plan: 'pro' },
})
