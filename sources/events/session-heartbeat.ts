import { z } from 'zod'
import { defineEvent } from '../event-type.ts'

export const sessionHeartbeat = defineEvent({
  type: 'session_heartbeat',
  title: 'Session heartbeat',
  description: 'The app is in the foreground; sent about once a minute.',
  properties: z.object({}),
  example: {},
})
