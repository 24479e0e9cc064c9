import { z } from 'zod'
import { targetSchema, unitSchema } from './unit.ts'

/** One number of an overview, with its previous period and how it stands against the target. */
export const cardSchema = z
  .object({
    name: z.string(),
    title: z.string(),
    value: z.number().nullable(),
    previous: z.number().nullable(),
    change: z.number().nullable().describe('(value − previous) / previous; null without a previous value.'),
    target: targetSchema.optional(),
    status: z.enum(['on_track', 'at_risk', 'off_track']).nullable().describe('null without a target or a value.'),
    unit: unitSchema,
  })
  .meta({
    id: 'Card',
    examples: [
      {
        name: 'goal_completion_rate',
        title: 'Goal completion rate',
        value: 0.68,
        previous: 0.64,
        change: 0.0625,
        target: { value: 0.65, direction: 'at_least', of: 'value' },
        status: 'on_track',
        unit: { kind: 'ratio' },
      },
    ],
  })
