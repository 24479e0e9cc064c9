import { z } from 'zod'
import type { Dimension } from '../../metrics/metric.ts'

interface EmbedDashboard {
  /** Who may see it, and so who may hand it out. */
  readonly roles: readonly ('admin' | 'coach' | 'finance')[]
  /** The only routes below /api/analytics that its links read, besides `/session`. */
  readonly reads: readonly string[]
  /** Filters that its numbers can be cut by: only these can be locked. */
  readonly filters: readonly Dimension[]
}

const members = ['plan', 'coach', 'cohort', 'cohort_month'] as const
const both = ['admin', 'coach'] as const

/** Dashboards that can be embedded, by the path of their page. */
export const embedDashboards = {
  overview: { roles: ['admin'], reads: ['/overview'], filters: members },
  today: {
    roles: ['coach'],
    reads: ['/churn-risk', '/goals/overview', '/engagement/response-times'],
    filters: ['plan', 'cohort', 'cohort_month'],
  },
  engagement: {
    roles: both,
    reads: ['/engagement', '/engagement/heatmap', '/engagement/response-times', '/coaching'],
    filters: members,
  },
  goals: { roles: both, reads: ['/goals/overview', '/goals', '/habits'], filters: members },
  coaches: { roles: both, reads: ['/coaches', '/churn-risk'], filters: members },
  nudges: { roles: both, reads: ['/ai/nudges', '/ai'], filters: members },
  cohorts: { roles: both, reads: ['/cohorts', '/cohorts/:cohortId'], filters: ['plan', 'coach'] },
  revenue: {
    roles: ['admin', 'finance'],
    reads: ['/revenue/kpis', '/revenue', '/revenue/movements'],
    filters: ['plan', 'currency', 'provider'],
  },
  churn: { roles: both, reads: ['/churn-risk', '/churn-risk/model'], filters: members },
} as const satisfies Record<string, EmbedDashboard>

export type EmbedName = keyof typeof embedDashboards
export const embedNames = Object.keys(embedDashboards) as [EmbedName, ...EmbedName[]]
export const embedDashboard = (name: EmbedName): EmbedDashboard => embedDashboards[name]

const values = z.array(z.string().min(1).max(128)).min(1).max(50)

/** Filters that a link locks, by dimension. */
export const lockedFiltersSchema = z
  .strictObject({
    plan: values,
    coach: values,
    cohort: values,
    cohort_month: values,
    currency: values,
    provider: values,
  })
  .partial()

/** What an embed token may read: one dashboard, its filters locked. */
export const embedScopeSchema = z.object({ dashboard: z.enum(embedNames), filters: lockedFiltersSchema })
export type EmbedScope = z.infer<typeof embedScopeSchema>

/** Body of `POST /api/analytics/embeds`. */
export const embedRequestSchema = z
  .strictObject({
    dashboard: z.enum(embedNames),
    coach_id: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe('Shows what this coach may see: own members only. A coach’s token has its own.'),
    filters: lockedFiltersSchema.default({}).describe('Locked: whoever holds the link cannot change them.'),
    view: z
      .strictObject({
        range: z.enum(['7d', '30d', '90d', '6m', '12m', '24m']),
        granularity: z.enum(['day', 'week', 'month']),
        group_by: z.string().max(64),
        theme: z.enum(['light', 'dark']),
      })
      .partial()
      .default({})
      .describe('What it shows first; whoever looks may choose otherwise.'),
    expires_in_seconds: z
      .int()
      .min(60)
      .max(7 * 86_400)
      .default(3600),
  })
  .meta({
    id: 'EmbedRequest',
    examples: [{ dashboard: 'today', coach_id: 'coach-3', filters: {}, view: {}, expires_in_seconds: 3600 }],
  })

/** Answer of `POST /api/analytics/embeds`. */
export const embedAnswerSchema = z
  .object({
    dashboard: z.enum(embedNames),
    url: z.string().describe('For an iframe; the token is in its fragment, which no server sees.'),
    token: z.string().describe('The same token: reads of this one dashboard, nothing else.'),
    expires_at: z.string(),
  })
  .meta({
    id: 'Embed',
    examples: [
      {
        dashboard: 'today',
        url: 'https://analytics.example.com/embed/today#token=eyJ…',
        token: 'eyJ…',
        expires_at: '2026-04-01T09:00:00.000Z',
      },
    ],
  })
