import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { label } from '../property-types.ts'

export const action = defineEvent({
  type: 'action',
  title: 'Tracked action',
  description: 'Any other action of the member that should count as activity.',
  properties: z.object({
    name: label.describe('Name of the action'),
  }),
  example: { name: 'library_opened' },
})
