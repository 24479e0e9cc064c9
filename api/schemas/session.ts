import { z } from 'zod'
import { embedScopeSchema } from './embeds.ts'

/** Answer of `GET /api/analytics/session`: who the token stands for, and how its tenant reads numbers. */
export const sessionAnswerSchema = z
  .object({
    tenant: z.object({
      slug: z.string(),
      name: z.string(),
      timezone: z.string(),
      currency: z.string(),
      locale: z.string().describe('Language tag (setting `locale`), for numbers and dates.'),
    }),
    role: z.enum(['admin', 'coach', 'finance']),
    coach_id: z.string().nullable().describe('The coach whose members the token is limited to.'),
    embed: embedScopeSchema.nullable().describe('Of an embed link: the dashboard it shows and the filters it locks.'),
    features: z.object({ analytics_v2: z.boolean().describe('The web dashboards (setting `feature.analytics_v2`).') }),
  })
  .meta({
    id: 'Session',
    examples: [
      {
        tenant: { slug: 'acme', name: 'Acme', timezone: 'Europe/Berlin', currency: 'EUR', locale: 'de-DE' },
        role: 'admin',
        coach_id: null,
        embed: null,
        features: { analytics_v2: true },
      },
    ],
  })

/** Answer of `GET /api/analytics/sign-in`: how people get a token for the dashboards. */
export const signInAnswerSchema = z
  .object({
    oidc: z
      .object({ issuer: z.string(), client_id: z.string(), scope: z.string() })
      .nullable()
      .describe('The identity provider to go to; null: tokens are handed out (`npm run token`).'),
  })
  .meta({
    id: 'SignIn',
    examples: [{ oidc: { issuer: 'https://login.example.com', client_id: 'analytics', scope: 'openid profile' } }],
  })
