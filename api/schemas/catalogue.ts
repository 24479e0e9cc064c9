import { z } from 'zod'
import { meaningFields, targetSchema, unitSchema } from './unit.ts'

/** A metric as the API describes it. */
export const catalogueEntrySchema = z
  .object({
    name: z.string(),
    title: z.string(),
    ...meaningFields,
    unit: unitSchema,
    target: targetSchema.optional(),
    dimensions: z.array(z.string()),
    grain: z.string().describe('The finest granularity it is kept at.'),
    definition: z.string(),
  })
  .meta({ id: 'Metric' })

/** Answer of `GET /api/analytics/metrics`: the metrics the token may read. */
export const catalogueAnswerSchema = z
  .object({
    metrics: z.array(catalogueEntrySchema),
    fresh_until: z.string().nullable().describe('Everything that happened before this instant is counted.'),
  })
  .meta({
    id: 'Catalogue',
    examples: [
      {
        metrics: [
          {
            name: 'dau',
            title: 'Daily active members',
            category: 'engagement',
            unit: { kind: 'count' },
            dimensions: ['plan', 'coach'],
            grain: 'day',
            definition: 'Members with at least one tracked action on the local day.',
          },
        ],
        fresh_until: '2026-04-03T06:00:00.000Z',
      },
    ],
  })
