import { z } from 'zod'
import { targetSchema, unitSchema } from './unit.ts'

/** A metric as the API describes it. */
export const catalogueEntrySchema = z
  .object({
    name: z.string(),
    title: z.string(),
    unit: unitSchema,
    target: targetSchema.optional(),
    dimensions: z.array(z.string()),
    grain: z.string().describe('The finest granularity it is kept at.'),
    definition: z.string(),
  })
  .meta({ id: 'Metric' })

/** Answer of `GET /api/analytics/metrics`: the metrics the token may read. */
export const catalogueAnswerSchema = z.object({ metrics: z.array(catalogueEntrySchema) }).meta({
  id: 'Catalogue',
  examples: [
    {
      metrics: [
        {
          name: 'dau',
          title: 'Daily active members',
          unit: { kind: 'count' },
          dimensions: ['plan', 'coach'],
          grain: 'day',
          definition: 'Members with at least one tracked action on the local day.',
        },
      ],
    },
  ],
})
