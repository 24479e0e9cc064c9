import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { acceptEvents } from '../../../db/accept-events.ts'
import { countDelivery, deliveryOf, markDelivered } from '../../../db/device-sequence.ts'
import { pushedCounter } from '../../../db/sources/pushed-counter.ts'
import { sentEvent } from '../../../sources/envelope.ts'
import { type BatchResult, parseNdjsonBatch, readBatch, sequencesOf } from '../../../sources/ndjson.ts'
import { ApiError, errors } from '../../errors.ts'
import { INGEST_BODY_LIMIT } from '../../route-config.ts'
import type { AnalyticsOptions } from './options.ts'

const MAX_EVENTS = 2_000

const answerSchema = z
  .object({
    accepted: z.int(),
    duplicates: z.int().describe('Stored before; they count once.'),
    rejected: z.int(),
    errors: z.array(
      z.object({
        index: z.int(),
        event_id: z.string().optional(),
        field: z.string(),
        code: z.string(),
        message: z.string(),
      }),
    ),
    conflicts: z
      .array(z.object({ index: z.int(), event_id: z.string(), message: z.string() }))
      .describe('Duplicates whose content differs from what is stored; the stored one stays.'),
    device: z
      .object({
        received_up_to: z.int().describe('All numbers from 1 up to this one have arrived: forget those events.'),
        missing: z
          .array(z.object({ from: z.int(), to: z.int() }))
          .describe(
            'Numbers that have not arrived, below the highest one that has; at most 100 ranges. Send them again.',
          ),
      })
      .optional()
      .describe('With device_id and numbered events: what has arrived of this device, all deliveries together.'),
  })
  .meta({
    id: 'IngestAnswer',
    examples: [
      {
        accepted: 1,
        duplicates: 0,
        rejected: 1,
        errors: [
          {
            index: 1,
            event_id: 'e-2',
            field: 'user_id',
            code: 'missing_field',
            message: 'This field is required. Add it.',
          },
        ],
        conflicts: [],
      },
    ],
  })

const bodySchema = z
  .object({
    sent_at: z
      .string()
      .optional()
      .describe("The sender's clock when sending; corrects times when it is off by more than 5 minutes."),
    device_id: z
      .string()
      .optional()
      .describe('Opaque id of the installation whose numbering `sequence` follows (docs/sources/mobile-sync.md).'),
    events: z.array(sentEvent).max(MAX_EVENTS),
  })
  .meta({
    id: 'EventBatch',
    examples: [
      {
        sent_at: '2026-03-31T08:15:02Z',
        events: [
          {
            event_id: '0195e2f0-6a1c-7000-8000-000000000001',
            type: 'habit_checked',
            occurred_at: '2026-03-31T08:15:00Z',
            user_id: 'member-17',
            properties: { habit_id: 'habit-3' },
          },
        ],
      },
    ],
  })

/** Takes events. Good ones are stored durably before the answer; a bad one never takes others down. */
export const eventRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf, ingested }) => {
  const counter = pushedCounter(app.deps.database.pool, 'api', (error) =>
    app.log.warn({ err: error }, 'events could not be counted under their source'),
  )
  app.addHook('onClose', () => counter.close())
  app.post(
    '/events',
    {
      bodyLimit: INGEST_BODY_LIMIT,
      config: { roles: ['service'], ndjson: true, audit: false, admission: true },
      schema: {
        tags: ['events'],
        summary: 'Send events',
        description:
          'At most 2,000 events and 10 MB per request, JSON or NDJSON (application/x-ndjson), gzip accepted. Send the same event_id and occurred_at on every retry: they count once.',
        // Checked by hand (sources/parse-event.ts): one bad event must not refuse the batch.
        body: z.unknown().meta({ ...bodySchema.meta(), description: 'EventBatch, or one event per line as NDJSON.' }),
        response: { 200: answerSchema },
      },
    },
    async (request) => {
      const batch = unwrap(
        Buffer.isBuffer(request.body) ? parseNdjsonBatch(request.body.toString('utf8')) : readBatch(request.body),
      )
      if (batch.events.length > MAX_EVENTS)
        throw new ApiError(errors.PAYLOAD_TOO_LARGE, {
          detail: `A request may hold at most ${MAX_EVENTS} events. Split it.`,
        })
      const { database, config } = app.deps
      const { pool } = database
      const maxWaitMs = config.INGEST_MAX_WAIT_SECONDS * 1000
      const { tenantId } = request.principal
      const answer = await acceptEvents(pool, await contextOf(tenantId), batch, { maxWaitMs })
      if (answer.accepted > 0) ingested()
      const { device_id: device } = batch
      if (device === undefined) {
        counter.add(tenantId, deliveryOf(answer))
        return { ...answer, errors: [...answer.errors], conflicts: [...answer.conflicts] }
      }
      // Refused events have arrived as well: they are in the quarantine, and sending them again would not mend them.
      const state = await markDelivered(pool, tenantId, device, sequencesOf(batch.events))
      await countDelivery(pool, tenantId, answer)
      return {
        ...answer,
        errors: [...answer.errors],
        conflicts: [...answer.conflicts],
        ...(state && { device: { received_up_to: state.received_up_to, missing: [...state.missing] } }),
      }
    },
  )
}

function unwrap(result: BatchResult): Extract<BatchResult, { ok: true }>['batch'] {
  if (result.ok) return result.batch
  throw new ApiError(errors.VALIDATION_FAILED, {
    detail: result.message,
    errors: [{ path: 'body', message: result.message }],
  })
}
