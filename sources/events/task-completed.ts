import { z } from 'zod'
import { defineEvent } from '../event-type.ts'
import { identifier } from '../property-types.ts'

export const taskCompleted = defineEvent({
  type: 'task_completed',
  title: 'Task completed',
  description: 'The member finished a task of a plan.',
  properties: z.object({
    task_id: identifier,
  }),
  subject: 'task_id',
  example: { task_id: 'task-55' },
})
