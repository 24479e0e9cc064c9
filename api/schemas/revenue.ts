import { z } from 'zod'
import { movementTypes } from '../../sources/revenue/movements.ts'
import { cardSchema } from './card.ts'
import { rangeSchema, seriesAnswerSchema } from './series.ts'
import { unitSchema } from './unit.ts'

const amount = z.number().nullable().describe('Minor units of the reporting currency; null while a rate is unknown.')
const fresh_until = z.string().nullable()
const policy_version = z.string().describe('The choices money was counted by; compare only within one.')
const unit = { kind: 'money' as const, currency: 'USD', digits: 2 }
const policy = 'mrr1 churn=period_end discounts=permanent week=52/12 day=365/12 revenuecat_stripe=ignore'

const bridgeSchema = z
  .object({
    t: z.string(),
    partial: z.boolean().optional().describe('The period is not over yet.'),
    start: amount,
    new: amount,
    reactivation: amount,
    expansion: amount,
    contraction: amount,
    churn: amount,
    fx: amount,
    rounding: amount.describe(
      'end − (start + new + reactivation + expansion − contraction − churn + fx), of whole units.',
    ),
    end: amount,
  })
  .meta({ id: 'MrrBridge' })
const exchangeSchema = z
  .array(
    z.object({
      currency: z.string(),
      rate_day: z.string().nullable(),
      stale: z.boolean().describe('The latest known rate is more than 7 days old; it is used all the same.'),
      missing: z.boolean().describe('There is no rate at all: amounts that need it are null.'),
    }),
  )
  .describe('Exchange rates the amounts depend on.')

export const kpisAnswerSchema = z
  .object({
    cards: z.array(cardSchema),
    movements: z.array(bridgeSchema).describe('The latest period that is over, and the running one.'),
    unit: unitSchema,
    granularity: z.enum(['day', 'week', 'month']),
    timezone: z.string(),
    exchange: exchangeSchema,
    open_issues: z.number().describe('Prices, discounts or states the fold could not be sure of.'),
    fresh_until,
    policy_version,
  })
  .meta({
    id: 'RevenueKpis',
    examples: [
      {
        cards: [],
        movements: [
          {
            t: '2026-03-01',
            start: 100000,
            new: 10000,
            reactivation: 5000,
            expansion: 2500,
            contraction: 4000,
            churn: 6000,
            fx: 0,
            rounding: 0,
            end: 107500,
          },
        ],
        unit,
        granularity: 'month',
        timezone: 'Europe/Berlin',
        exchange: [],
        open_issues: 0,
        fresh_until: '2026-04-03T06:00:00.000Z',
        policy_version: policy,
      },
    ],
  })

const forecastSchema = z.object({
  available: z.boolean(),
  reason: z.string().nullable().describe('Why there is none: fewer than 3 whole months of history.'),
  months: z.array(z.object({ t: z.string(), value: z.number(), low: z.number(), high: z.number() })),
})

export const revenueAnswerSchema = z
  .object({
    range: rangeSchema,
    unit: unitSchema,
    metrics: z.array(seriesAnswerSchema),
    bridge: z.array(bridgeSchema),
    plans: z
      .array(z.object({ plan: z.string(), name: z.string(), mrr: amount, share: z.number().nullable() }))
      .describe('MRR by plan at the end of the range.'),
    arr_forecast: forecastSchema.describe('ARR at the end of the next 6 months: damped trend, 80 % interval.'),
    exchange: exchangeSchema,
    fresh_until,
    policy_version,
  })
  .meta({
    id: 'Revenue',
    examples: [
      {
        range: { from: '2026-01-01', to: '2026-04-01', granularity: 'month', timezone: 'Europe/Berlin' },
        unit,
        metrics: [],
        bridge: [],
        plans: [{ plan: 'price_pro', name: 'Pro', mrr: 90000, share: 0.84 }],
        arr_forecast: { available: false, reason: 'fewer than 3 whole months of history', months: [] },
        exchange: [],
        fresh_until: '2026-04-03T06:00:00.000Z',
        policy_version: policy,
      },
    ],
  })

export const movementsAnswerSchema = z
  .object({
    range: rangeSchema,
    type: z.enum(movementTypes).nullable(),
    unit: unitSchema,
    total: amount.describe('The figure: the sum of all rows, on every page.'),
    rows: z.number().describe('How many ledger rows there are in all.'),
    movements: z.array(
      z.object({
        at: z.string(),
        day: z.string(),
        customer: z.string(),
        type: z.enum(movementTypes),
        currency: z.string(),
        own_amount: z.number().describe('Minor units of `currency`, unrounded.'),
        fx_factor: z.number().nullable(),
        amount: z.number().nullable().describe('Minor units of the reporting currency, unrounded.'),
        subscription: z.string(),
        plan: z.string(),
        provider: z.string(),
        reason: z.string().nullable(),
        provider_event_ids: z.array(z.string()),
      }),
    ),
    next_cursor: z.string().nullable(),
    fresh_until,
    policy_version,
  })
  .meta({
    id: 'RevenueMovements',
    examples: [
      {
        range: { from: '2026-03-05', to: '2026-03-06', granularity: 'day', timezone: 'Europe/Berlin' },
        type: 'churn',
        unit,
        total: 4900,
        rows: 1,
        movements: [
          {
            at: '2026-03-05T12:00:00.000Z',
            day: '2026-03-05',
            customer: 'member-17',
            type: 'churn',
            currency: 'USD',
            own_amount: 4900,
            fx_factor: 1,
            amount: 4900,
            subscription: 'stripe:sub_1',
            plan: 'price_pro',
            provider: 'stripe',
            reason: 'voluntary',
            provider_event_ids: ['evt_1'],
          },
        ],
        next_cursor: null,
        fresh_until: '2026-04-03T06:00:00.000Z',
        policy_version: policy,
      },
    ],
  })

export type Bridge = z.infer<typeof bridgeSchema>
