import { z } from 'zod'
import { bands } from '../../metrics/churn/bands.ts'
import { type Dimension, dimensionTitles, granularities } from '../../metrics/metric.ts'
import { cohortUnits, retentionModes } from '../../metrics/retention-modes.ts'

export const exportTypes = [
  'metric',
  'overview',
  'revenue',
  'cohort',
  'churn_risk',
  'fact_productivity',
  'audit',
  'member',
] as const
export type ExportType = (typeof exportTypes)[number]

export const exportFormats = ['csv', 'pdf', 'parquet', 'json'] as const
export type ExportFormat = (typeof exportFormats)[number]

const filters = z.partialRecord(
  z.enum(Object.keys(dimensionTitles) as [Dimension, ...Dimension[]]),
  z.array(z.string()),
)
const range = { from: z.string(), to: z.string(), granularity: z.enum(granularities) }
const groupBy = z.enum(Object.keys(dimensionTitles) as [Dimension, ...Dimension[]]).optional()

/**
 * What a worker is to export, with everything decided that the request left open: a retry tomorrow answers the same
 * question. `from` and `to` are instants cut to whole periods; metrics are names of the catalogue.
 */
export const exportPayloadSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('metric'), metric: z.string(), ...range, group_by: groupBy, filters }),
  z.object({
    type: z.literal('overview'),
    metrics: z.array(z.string()),
    granularity: z.enum(granularities),
    filters,
    now: z.string(),
  }),
  z.object({
    type: z.literal('revenue'),
    metrics: z.array(z.string()),
    cards: z.array(z.string()),
    ...range,
    group_by: groupBy,
    filters,
  }),
  z.object({
    type: z.literal('cohort'),
    ...range,
    cohort: z.enum(cohortUnits),
    unit: z.enum(cohortUnits),
    mode: z.enum(retentionModes),
    units: z.int(),
    bracket: z.tuple([z.int(), z.int()]).optional(),
    filters,
  }),
  // Days, `to` exclusive.
  z.object({ type: z.enum(['fact_productivity', 'audit']), from: z.string(), to: z.string() }),
  z.object({
    type: z.literal('churn_risk'),
    from: z.string(),
    to: z.string(),
    band: z.enum(bands).optional(),
    coach: z.string().optional(),
  }),
  // Everything about one member.
  z.object({ type: z.literal('member'), user_id: z.string(), member_hash: z.string() }),
])
export type ExportPayload = z.infer<typeof exportPayloadSchema>
