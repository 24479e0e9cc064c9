import { z } from 'zod'
import { unitSchema } from './unit.ts'

export const alertSchema = z.object({
  rule: z.string(),
  title: z.string(),
  category: z.enum(['churn', 'engagement', 'coaching', 'revenue', 'platform']),
  severity: z.enum(['info', 'warning', 'critical']),
  state: z.enum(['ok', 'pending', 'firing', 'no_data']).describe('no_data: there is nothing to judge.'),
  since: z.string().describe('When it entered this state (ISO instant).'),
  value: z.number().nullable(),
  threshold: z.number().describe('It fires above this; the tenant’s own where set.'),
  for_seconds: z.int().describe('How long it must be above before it fires.'),
  unit: unitSchema,
  labels: z.record(z.string(), z.string()).describe('What tells the alerts of one rule apart: `coach`, `job`.'),
  description: z.string().describe('What it means that it fires.'),
  action: z.string().describe('What to do about it.'),
})

export const alertsAnswerSchema = z
  .object({
    evaluated_at: z.string(),
    firing: z.int(),
    alerts: z.array(alertSchema).describe('Firing first, then pending, no_data, ok; in the order of the catalogue.'),
  })
  .meta({
    id: 'Alerts',
    examples: [
      {
        evaluated_at: '2026-04-01T08:00:00.000Z',
        firing: 1,
        alerts: [
          {
            rule: 'coach_book_at_risk',
            title: 'A coach’s book is at risk',
            category: 'churn',
            severity: 'warning',
            state: 'firing',
            since: '2026-03-31T00:15:00.000Z',
            value: 0.46,
            threshold: 0.4,
            for_seconds: 0,
            unit: { kind: 'ratio' },
            labels: { coach: 'coach-3' },
            description:
              'Per coach: the share of the coach’s members active in the last 30 days whose churn risk is high.',
            action: 'Look at the coach’s list together: who waits for an answer, who lost a streak.',
          },
        ],
      },
    ],
  })
