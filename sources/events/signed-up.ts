import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier, label } from '../property-types.ts'

export const signedUp = defineEvent({
  type: 'signed_up',
  title: 'Signed up',
  description: 'A member created an account: starts the cohort and the plan.',
  properties: z.object({
    plan: label.nullish(),
    coach_id: identifier.nullish(),
    signup_source: label.nullish(),
  }),
  example: { plan: 'plus', coach_id: 'coach-3', signup_source: 'referral' },
})
