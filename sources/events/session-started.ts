import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { label } from '../property-types.ts'

export const sessionStarted = defineEvent({
  type: 'session_started',
  title: 'Session started',
  description: 'The member opened the app.',
  properties: z.object({
    platform: label.nullish(),
    app_version: label.nullish(),
  }),
  example: { platform: 'ios', app_version: '4.2.0' },
})
