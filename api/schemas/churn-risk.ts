import { z } from 'zod'

const bandSchema = z.enum(['low', 'medium', 'high'])

const reasonSchema = z.object({
  feature: z.enum(['recency', 'activity', 'tenure', 'habits', 'unanswered', 'nudges', 'billing']),
  text: z.string().describe('In words, for a person.'),
})

export const riskMemberSchema = z.object({
  user_id: z.string(),
  probability: z.number().describe('Of no tracked action in the 30 days after `as_of`; calibrated.'),
  band: bandSchema,
  previous: z.number().nullable().describe('The probability 7 days before; null: not scored then.'),
  reasons: z.array(reasonSchema).max(3).describe('What raises the risk, strongest first.'),
  last_action: z.string().describe('Latest local day with a tracked action.'),
  days_since_last_action: z.int(),
  plan: z.string(),
  coach_id: z.string(),
})

const modelNameSchema = z.string().describe('prior-<n>: as shipped; tenant-<id>: fitted on the tenant’s own history.')

export const churnRiskAnswerSchema = z
  .object({
    as_of: z.string().nullable().describe('The last scored local day; null: nobody has been scored yet.'),
    timezone: z.string(),
    horizon_days: z.int(),
    model: modelNameSchema.nullable(),
    totals: z
      .object({ members: z.int(), high: z.int(), medium: z.int(), low: z.int() })
      .describe('Of everybody the caller may see, whatever the band asked for.'),
    members: z.array(riskMemberSchema).describe('Highest probability first.'),
    next_cursor: z.string().nullable(),
  })
  .meta({
    id: 'ChurnRisk',
    examples: [
      {
        as_of: '2026-03-31',
        timezone: 'Europe/Berlin',
        horizon_days: 30,
        model: 'tenant-12',
        totals: { members: 210, high: 14, medium: 41, low: 155 },
        members: [
          {
            user_id: 'member-17',
            probability: 0.71,
            band: 'high',
            previous: 0.38,
            reasons: [
              { feature: 'recency', text: 'No action for 9 days; usually every 2 days' },
              { feature: 'unanswered', text: 'Waits for an answer in 1 conversation' },
              { feature: 'nudges', text: 'Ignored 4 nudges in 14 days' },
            ],
            last_action: '2026-03-22',
            days_since_last_action: 9,
            plan: 'plus',
            coach_id: 'coach-3',
          },
        ],
        next_cursor: null,
      },
    ],
  })

export const churnHistoryAnswerSchema = z
  .object({
    user_id: z.string(),
    scores: z.array(
      z.object({
        day: z.string(),
        probability: z.number(),
        band: bandSchema,
        reasons: z.array(reasonSchema),
        last_action: z.string(),
        model: modelNameSchema,
      }),
    ),
  })
  .meta({
    id: 'ChurnHistory',
    examples: [
      {
        user_id: 'member-17',
        scores: [
          {
            day: '2026-03-31',
            probability: 0.71,
            band: 'high',
            reasons: [{ feature: 'recency', text: 'No action for 9 days; usually every 2 days' }],
            last_action: '2026-03-22',
            model: 'tenant-12',
          },
        ],
      },
    ],
  })

const rate = z.number().nullable()
const qualitySchema = z.object({
  auc: rate.describe('Probability that a member who churned was scored above one who did not.'),
  top_decile_lift: rate.describe('Share of churners among the riskiest tenth, divided by the share among all.'),
})

export const evaluationSchema = z.object({
  from: z.string().describe('First local day scored in the holdout.'),
  to: z.string(),
  observations: z.int(),
  churned: z.int(),
  base_rate: rate,
  model: qualitySchema.extend({
    brier: rate.describe('Mean squared error of the probability.'),
    calibration_error: rate.describe('Mean gap between predicted and observed over deciles, weighted by size.'),
    deciles: z.array(z.object({ predicted: z.number(), observed: z.number(), observations: z.int() })),
  }),
  recency: qualitySchema.describe('The same of “days since the last action” alone, which a model must beat.'),
})

export const churnModelAnswerSchema = z
  .object({
    in_use: z.object({
      name: modelNameSchema,
      trained_at: z.string().nullable().describe('null: the shipped prior.'),
      as_of: z.string().nullable().describe('The last day whose outcome it knew.'),
      members: z.int().nullable(),
      observations: z.int().nullable(),
      intercept: z.number(),
      coefficients: z.array(
        z.object({ feature: z.string(), title: z.string(), coefficient: z.number(), prior: z.number() }),
      ),
      calibration: z
        .object({ offset: z.number(), slope: z.number() })
        .describe('Applied to the log odds before they become a probability.'),
      evaluation: evaluationSchema.nullable(),
    }),
    prior: z.string().describe('The shipped prior that the model is drawn towards.'),
    last_attempt: z
      .object({
        trained_at: z.string(),
        accepted: z.boolean(),
        reason: z.string(),
        evaluation: evaluationSchema.nullable(),
      })
      .nullable()
      .describe('The latest refit, whether or not it was good enough to replace the model.'),
    horizon_days: z.int(),
    population_days: z.int().describe('Members with an action in this many days are scored.'),
    bands: z.object({ medium: z.number(), high: z.number() }).describe('Probabilities from which a band begins.'),
    definition: z.string(),
  })
  .meta({
    id: 'ChurnModel',
    examples: [
      {
        in_use: {
          name: 'tenant-12',
          trained_at: '2026-03-30T01:10:00.000Z',
          as_of: '2026-02-28',
          members: 412,
          observations: 5120,
          intercept: -2.1,
          coefficients: [
            { feature: 'recency', title: 'Days since the last action (log)', coefficient: 0.8, prior: 0.6 },
          ],
          calibration: { offset: 0.05, slope: 0.97 },
          evaluation: {
            from: '2026-02-01',
            to: '2026-02-28',
            observations: 1280,
            churned: 166,
            base_rate: 0.13,
            model: {
              auc: 0.84,
              top_decile_lift: 4.1,
              brier: 0.08,
              calibration_error: 0.02,
              deciles: [{ predicted: 0.02, observed: 0.01, observations: 128 }],
            },
            recency: { auc: 0.79, top_decile_lift: 3.4 },
          },
        },
        prior: 'prior-2',
        last_attempt: {
          trained_at: '2026-03-30T01:10:00.000Z',
          accepted: true,
          reason: 'beats recency',
          evaluation: null,
        },
        horizon_days: 30,
        population_days: 30,
        bands: { medium: 0.2, high: 0.5 },
        definition: 'Probability that a member has no tracked action in the 30 local days after the score’s day.',
      },
    ],
  })
