import { z } from 'zod'
import { rangeSchema } from './series.ts'

const seconds = z.number().nullable()
const percentilesSchema = z.object({ p50: seconds, p75: seconds, p90: seconds, p95: seconds, p99: seconds })
/** Answer of `GET /api/analytics/engagement/response-times`. */
export const responseTimesAnswerSchema = z
  .object({
    range: rangeSchema,
    fresh_until: z.string().nullable(),
    replies: z.number(),
    seconds: percentilesSchema.describe('Exact, linear between values (percentile_cont).'),
    observed_seconds: percentilesSchema.describe('Exact, a value that occurred (percentile_disc, nearest rank).'),
    sla_hours: z.number(),
    within_sla_share: z.number().nullable(),
    waiting: z.number().describe('Runs of member messages that nobody has answered yet.'),
    waiting_over_sla: z.number(),
  })
  .meta({
    id: 'ResponseTimes',
    examples: [
      {
        range: { from: '2026-04-01', to: '2026-05-01', granularity: 'day', timezone: 'Europe/Berlin' },
        fresh_until: '2026-05-01T06:00:00.000Z',
        replies: 412,
        seconds: { p50: 1800, p75: 5400, p90: 14400, p95: 28800, p99: 86400 },
        observed_seconds: { p50: 1800, p75: 5400, p90: 14400, p95: 28800, p99: 86400 },
        sla_hours: 24,
        within_sla_share: 0.97,
        waiting: 9,
        waiting_over_sla: 2,
      },
    ],
  })
