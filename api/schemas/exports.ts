import { z } from 'zod'
import { exportFormats } from '../../db/exports/payload.ts'

export const statuses = ['queued', 'running', 'completed', 'failed', 'cancelled', 'expired'] as const
const ID = '7f0c1a52-1f0d-4f6e-9d2c-0d8a3b1c5e77'

export const acceptedSchema = z
  .object({ id: z.uuid(), status: z.enum(statuses), status_url: z.string() })
  .meta({ id: 'ExportAccepted', examples: [{ id: ID, status: 'queued', status_url: `/api/analytics/exports/${ID}` }] })

export const exportSchema = z
  .object({
    id: z.uuid(),
    type: z.string(),
    format: z.enum(exportFormats),
    params: z.record(z.string(), z.unknown()),
    status: z.enum(statuses),
    progress: z.int().min(0).max(100),
    rows: z.int().nullable().describe('Without the header; in a PDF the rows of its tables.'),
    bytes: z.int().nullable(),
    sha256: z.string().nullable().describe('Of the file, hex.'),
    download_url: z
      .string()
      .nullable()
      .describe('While completed. Holds for 15 minutes; asking again gives a new one.'),
    expires_at: z.string().nullable().describe('When the file is deleted: 14 days after it was made.'),
    error: z
      .enum(['failed', 'interrupted'])
      .nullable()
      .describe('failed: it could not be made, also after retries. interrupted: its worker was lost each time.'),
    created_at: z.string(),
    finished_at: z.string().nullable(),
    status_url: z.string(),
  })
  .meta({
    id: 'Export',
    examples: [
      {
        id: ID,
        type: 'metric',
        format: 'csv',
        params: { metric: 'wau', from: '2026-01-01', to: '2026-04-01', granularity: 'week' },
        status: 'completed',
        progress: 100,
        rows: 13,
        bytes: 612,
        sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
        download_url: `https://analytics.example.com/objects/exports/…?expires=1775001600&filename=metric-wau.csv&signature=…`,
        expires_at: '2026-04-15T06:00:00.000Z',
        error: null,
        created_at: '2026-04-01T05:59:58.000Z',
        finished_at: '2026-04-01T06:00:00.000Z',
        status_url: `/api/analytics/exports/${ID}`,
      },
    ],
  })

export const exportListSchema = z
  .object({ exports: z.array(exportSchema), next_cursor: z.string().nullable() })
  .meta({ id: 'Exports', examples: [{ exports: [], next_cursor: null }] })
