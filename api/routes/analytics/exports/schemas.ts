import { z } from 'zod'
import { exportFormats } from '../../../../db/exports/payload.ts'
import { statuses } from '../../../schemas/exports.ts'
import { availableTypes } from './types.ts'

export const exportBodySchema = z
  .strictObject({
    type: z.enum(availableTypes),
    format: z.enum(exportFormats),
    params: z
      .record(z.string(), z.unknown())
      .default({})
      .describe(
        'The query parameters of the route that shows the same, by the same names: `metric` also takes `metric`; `fact_productivity` and `audit` take `from` and `to`, `churn_risk` `band` and `coach` besides, `member` takes `user_id` (format `json`, which is of this type only).',
      ),
  })
  .meta({
    id: 'ExportRequest',
    examples: [
      {
        type: 'metric',
        format: 'csv',
        params: {
          metric: 'wau',
          from: '2026-01-01',
          to: '2026-04-01',
          granularity: 'week',
          group_by: 'plan',
          'filter[plan]': ['pro', 'plus'],
        },
      },
      { type: 'overview', format: 'pdf' },
      { type: 'revenue', format: 'pdf', params: { from: '2025-04-01', to: '2026-04-01', granularity: 'month' } },
      { type: 'fact_productivity', format: 'parquet', params: { from: '2026-01-01', to: '2026-04-01' } },
      { type: 'member', format: 'json', params: { user_id: 'member-17' } },
    ],
  })

export const listQuerySchema = z.strictObject({
  status: z.enum(statuses).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(200).optional().describe('`next_cursor` of the page before.'),
})

export const idempotencyHeaderSchema = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/, 'must be 1 to 128 visible ASCII characters')
    .optional()
    .describe('The same key with the same request gives the same export, however often it is sent.'),
})
