import { z } from 'zod'
import { granularities } from '../../metrics/metric.ts'
import { catalogueEntrySchema } from './catalogue.ts'

/** The tenant's calendar the answer was cut by. `to` is exclusive. */
export const rangeSchema = z
  .object({ from: z.string(), to: z.string(), granularity: z.enum(granularities), timezone: z.string() })
  .meta({ id: 'Range' })

const pointSchema = z
  .object({
    t: z.string().describe('Start of the bucket in the tenant’s calendar.'),
    value: z.number().nullable().describe('null where there is nothing to divide by.'),
    numerator: z.number().nullable().optional(),
    denominator: z.number().nullable().optional(),
    partial: z.boolean().optional().describe('The bucket is not over yet.'),
  })
  .meta({ id: 'Point' })

export const seriesSchema = z
  .object({ key: z.record(z.string(), z.string().nullable()), points: z.array(pointSchema) })
  .meta({ id: 'Series' })

/** Answer of `GET /api/analytics/metrics/{name}`. */
export const seriesAnswerSchema = z
  .object({
    metric: catalogueEntrySchema,
    range: rangeSchema,
    fresh_until: z.string().nullable().describe('Everything that happened before this instant is counted.'),
    policy_version: z.string().optional().describe('The choices money was counted by; compare only within one.'),
    series: z.array(seriesSchema),
    previous: z.array(seriesSchema).optional(),
  })
  .meta({
    id: 'SeriesAnswer',
    examples: [
      {
        metric: {
          name: 'goal_completion_rate',
          title: 'Goal completion rate',
          category: 'goals',
          unit: { kind: 'ratio' },
          target: { value: 0.65, direction: 'at_least', of: 'value' },
          dimensions: ['cohort', 'coach', 'plan'],
          grain: 'day',
          definition: 'Completed goals divided by active goals of the period.',
        },
        range: { from: '2026-04-01', to: '2026-04-03', granularity: 'day', timezone: 'Asia/Kolkata' },
        fresh_until: '2026-04-03T06:00:00.000Z',
        series: [
          {
            key: { plan: 'pro' },
            points: [
              { t: '2026-04-01', value: 0.5, numerator: 20, denominator: 40 },
              { t: '2026-04-02', value: null, numerator: 0, denominator: 0, partial: true },
            ],
          },
        ],
      },
    ],
  })

/** Answer of the routes that show several metrics, such as `GET /api/analytics/engagement`. */
export const seriesListSchema = z.object({ metrics: z.array(seriesAnswerSchema) }).meta({
  id: 'SeriesList',
  examples: [
    {
      metrics: [
        {
          metric: {
            name: 'dau',
            title: 'Daily active members',
            category: 'engagement',
            unit: { kind: 'count' },
            dimensions: ['plan', 'coach'],
            grain: 'day',
            definition: 'Distinct members with at least one tracked action on the local day.',
          },
          range: { from: '2026-04-01', to: '2026-04-03', granularity: 'day', timezone: 'Europe/Berlin' },
          fresh_until: '2026-04-03T06:00:00.000Z',
          series: [
            {
              key: {},
              points: [
                { t: '2026-04-01', value: 41 },
                { t: '2026-04-02', value: 44 },
              ],
            },
          ],
        },
      ],
    },
  ],
})
