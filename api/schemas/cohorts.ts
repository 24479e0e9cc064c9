import { z } from 'zod'
import { cohortUnits, retentionModes } from '../../metrics/retention-modes.ts'
import { rangeSchema, seriesAnswerSchema } from './series.ts'
import { unitSchema } from './unit.ts'

export const cellSchema = z.object({
  n: z.int(),
  retained: z.number().nullable().describe('null while the cell is not over.'),
  rate: z.number().nullable(),
})
export const cohortSchema = z.object({
  cohort: z.string(),
  from: z.string(),
  size: z.number(),
  cells: z.array(cellSchema),
})
export const pooledSchema = z.object({
  n: z.int(),
  size: z.number(),
  retained: z.number(),
  rate: z.number().nullable().describe('Retained of all cohorts / their sizes, cells that are over only.'),
  mean: z.number().nullable().describe('Mean of the cohorts’ rates, cells that are over only.'),
})

/** Answer of `GET /api/analytics/cohorts`: the retention triangle. */
export const cohortsAnswerSchema = z
  .object({
    range: rangeSchema,
    mode: z.enum(retentionModes),
    unit: z.enum(cohortUnits),
    fresh_until: z.string().nullable(),
    cohorts: z.array(cohortSchema),
    pooled: z.array(pooledSchema),
    previous: z
      .object({ range: rangeSchema, pooled: z.array(pooledSchema) })
      .optional()
      .describe('With compare=previous_period: the cohorts of as many periods directly before, all together.'),
  })
  .meta({
    id: 'Cohorts',
    examples: [
      {
        range: { from: '2026-03-30', to: '2026-04-06', granularity: 'week', timezone: 'Europe/Berlin' },
        mode: 'classic',
        unit: 'week',
        fresh_until: '2026-04-14T06:00:00.000Z',
        cohorts: [
          {
            cohort: '2026-W14',
            from: '2026-03-30',
            size: 10,
            cells: [
              { n: 0, retained: 10, rate: 1 },
              { n: 1, retained: 6, rate: 0.6 },
              { n: 2, retained: null, rate: null },
            ],
          },
        ],
        pooled: [
          { n: 0, size: 10, retained: 10, rate: 1, mean: 1 },
          { n: 1, size: 10, retained: 6, rate: 0.6, mean: 0.6 },
          { n: 2, size: 0, retained: 0, rate: null, mean: null },
        ],
      },
    ],
  })

const money = z
  .number()
  .nullable()
  .describe('Minor units, net of refunds. null while the month is not over for the whole cohort, or a rate is unknown.')
const count = z.number().nullable()

export const revenueCellSchema = z
  .object({
    n: z.int().describe('Month after signing up; what was paid before signing up counts in month 0.'),
    revenue: money,
    revenue_to_date: money,
    per_member: money.describe('revenue_to_date / size: the LTV curve.'),
    paying: count.describe('Members who are paying customers at the end of the month.'),
    churned: count.describe('Members who ceased to pay in the month; they may have come back.'),
  })
  .meta({ id: 'CohortRevenueCell' })
export type RevenueCell = z.infer<typeof revenueCellSchema>

const cell = { n: 0, revenue: 40000, revenue_to_date: 40000, per_member: 4000, paying: 8, churned: 0 }
/** Answer of `GET /api/analytics/cohorts/revenue`. */
export const cohortRevenueAnswerSchema = z
  .object({
    range: rangeSchema,
    unit: unitSchema,
    cohorts: z.array(
      z.object({ cohort: z.string(), from: z.string(), size: z.number(), cells: z.array(revenueCellSchema) }),
    ),
    pooled: z
      .array(z.object({ n: z.int(), size: z.number(), revenue_to_date: money, per_member: money }))
      .describe('Revenue to date of all cohorts / their sizes, months that are over only.'),
    unassigned: money.describe('Revenue to date of customers who are no members: it is in no cohort.'),
    fresh_until: z.string().nullable(),
    policy_version: z.string(),
  })
  .meta({
    id: 'CohortRevenue',
    examples: [
      {
        range: { from: '2026-03-01', to: '2026-04-01', granularity: 'month', timezone: 'Europe/Berlin' },
        unit: { kind: 'money', currency: 'USD', digits: 2 },
        cohorts: [{ cohort: '2026-03', from: '2026-03-01', size: 10, cells: [cell] }],
        pooled: [{ n: 0, size: 10, revenue_to_date: 40000, per_member: 4000 }],
        unassigned: 0,
        fresh_until: '2026-05-03T06:00:00.000Z',
        policy_version: 'mrr1 churn=period_end discounts=permanent week=52/12 day=365/12 revenuecat_stripe=ignore',
      },
    ],
  })

/** Answer of `GET /api/analytics/cohorts/{cohortId}`. */
export const cohortDeepDiveSchema = z
  .object({
    cohort: z.string(),
    range: rangeSchema,
    size: z.number(),
    fresh_until: z.string().nullable(),
    curve: z.array(cellSchema).describe('Week-n retention.'),
    churn: z
      .object({ active: z.number(), lost: z.number(), rate: z.number().nullable() })
      .describe('Of the cohort: who did something in the last 30 days, who did not, and lost / size.'),
    metrics: z.array(seriesAnswerSchema).describe('What the cohort did since, by month.'),
    revenue: z
      .object({ unit: unitSchema, policy_version: z.string(), curve: z.array(revenueCellSchema) })
      .optional()
      .describe('What the cohort paid, by month after signing up, months that are over; for admins.'),
  })
  .meta({
    id: 'CohortDeepDive',
    examples: [
      {
        cohort: '2026-W14',
        range: { from: '2026-03-30', to: '2026-04-06', granularity: 'week', timezone: 'Europe/Berlin' },
        size: 10,
        fresh_until: '2026-04-14T06:00:00.000Z',
        curve: [{ n: 0, retained: 10, rate: 1 }],
        churn: { active: 6, lost: 4, rate: 0.4 },
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
        revenue: {
          unit: { kind: 'money', currency: 'USD', digits: 2 },
          policy_version: 'mrr1 churn=period_end discounts=permanent week=52/12 day=365/12 revenuecat_stripe=ignore',
          curve: [{ n: 0, revenue: 40000, revenue_to_date: 40000, per_member: 4000, paying: 8, churned: 0 }],
        },
      },
    ],
  })
