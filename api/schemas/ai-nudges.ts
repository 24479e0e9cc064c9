import { z } from 'zod'
import { rangeSchema, seriesSchema } from './series.ts'

const rate = z.number().nullable()
const breakdownSchema = z.object({
  persona: z.string(),
  delivered: z.number().describe('Delivered nudges whose 24 hours are over.'),
  effectiveness: rate,
  direct: rate,
  influenced: rate,
})
const totalSchema = breakdownSchema.omit({ persona: true }).extend({
  baseline: rate.describe('How often the same members act on days without a nudge.'),
  lift: rate.describe('effectiveness / baseline − 1'),
})
/** Answer of `GET /api/analytics/ai/nudges`. */
export const aiNudgesAnswerSchema = z
  .object({
    range: rangeSchema,
    fresh_until: z.string().nullable(),
    definition: z.string(),
    total: totalSchema,
    personas: z.array(breakdownSchema),
    previous: z
      .object({ range: rangeSchema, total: totalSchema, personas: z.array(breakdownSchema) })
      .optional()
      .describe('With compare=previous_period: as many periods directly before.'),
    series: z.array(seriesSchema).describe('Effectiveness by persona.'),
  })
  .meta({
    id: 'AiNudges',
    examples: [
      {
        range: { from: '2026-04-01', to: '2026-05-01', granularity: 'day', timezone: 'Europe/Berlin' },
        fresh_until: '2026-05-01T06:00:00.000Z',
        definition: 'Delivered nudges followed by a qualifying action within 24 hours …',
        total: { delivered: 200, effectiveness: 0.44, direct: 0.2, influenced: 0.24, baseline: 0.35, lift: 0.257 },
        personas: [{ persona: 'mentor', delivered: 200, effectiveness: 0.44, direct: 0.2, influenced: 0.24 }],
        series: [
          { key: { persona: 'mentor' }, points: [{ t: '2026-04-01', value: 0.5, numerator: 3, denominator: 6 }] },
        ],
      },
    ],
  })
