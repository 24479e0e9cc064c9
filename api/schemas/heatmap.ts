import { z } from 'zod'
import { rangeSchema } from './series.ts'

export const heatmapCellSchema = z.object({
  weekday: z.int().min(1).max(7).describe('ISO: 1 is Monday.'),
  hour: z.int().min(0).max(23),
  sessions: z.number(),
  active_minutes: z.number(),
})
/** Answer of `GET /api/analytics/engagement/heatmap`. */
export const heatmapAnswerSchema = z
  .object({ range: rangeSchema, fresh_until: z.string().nullable(), cells: z.array(heatmapCellSchema).length(7 * 24) })
  .meta({
    id: 'Heatmap',
    examples: [
      {
        range: { from: '2026-04-01', to: '2026-05-01', granularity: 'day', timezone: 'Europe/Berlin' },
        fresh_until: '2026-05-01T06:00:00.000Z',
        cells: Array.from({ length: 7 * 24 }, (_, i) => ({
          weekday: Math.floor(i / 24) + 1,
          hour: i % 24,
          sessions: i === 18 ? 12 : 0,
          active_minutes: i === 18 ? 84.5 : 0,
        })),
      },
    ],
  })
