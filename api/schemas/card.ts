import { z } from 'zod'
import { meaningFields, targetSchema, unitSchema } from './unit.ts'

/** One number of an overview, with its previous period and how it stands against the target. */
export const cardSchema = z
  .object({
    name: z.string(),
    title: z.string(),
    ...meaningFields,
    value: z.number().nullable(),
    previous: z.number().nullable(),
    change: z.number().nullable().describe('(value − previous) / previous; null without a previous value above zero.'),
    target: targetSchema.optional(),
    status: z.enum(['on_track', 'at_risk', 'off_track']).nullable().describe('null without a target or a value.'),
    unit: unitSchema,
    period: z.string().nullable().describe('Start of the period `value` is of; null without a value.'),
    trend: z
      .array(z.object({ t: z.string(), value: z.number().nullable() }))
      .describe('The periods up to and with that one, oldest first, for a small line beside the number.'),
  })
  .meta({
    id: 'Card',
    examples: [
      {
        name: 'goal_completion_rate',
        title: 'Goal completion rate',
        category: 'goals',
        value: 0.68,
        previous: 0.64,
        change: 0.0625,
        target: { value: 0.65, direction: 'at_least', of: 'value' },
        status: 'on_track',
        unit: { kind: 'ratio' },
        period: '2026-03-23',
        trend: [
          { t: '2026-03-16', value: 0.64 },
          { t: '2026-03-23', value: 0.68 },
        ],
      },
    ],
  })

/** Answer of the routes that show cards, such as `GET /api/analytics/overview`. */
export const cardsAnswerSchema = z
  .object({
    cards: z.array(cardSchema),
    granularity: z.enum(['day', 'week', 'month']),
    timezone: z.string(),
    fresh_until: z.string().nullable(),
  })
  .meta({
    id: 'Cards',
    examples: [
      {
        cards: [
          {
            name: 'goal_completion_rate',
            title: 'Goal completion rate',
            category: 'goals',
            value: 0.68,
            previous: 0.64,
            change: 0.0625,
            target: { value: 0.65, direction: 'at_least', of: 'value' },
            status: 'on_track',
            unit: { kind: 'ratio' },
            period: '2026-03-23',
            trend: [
              { t: '2026-03-16', value: 0.64 },
              { t: '2026-03-23', value: 0.68 },
            ],
          },
        ],
        granularity: 'week',
        timezone: 'Europe/Berlin',
        fresh_until: '2026-04-03T06:00:00.000Z',
      },
    ],
  })
