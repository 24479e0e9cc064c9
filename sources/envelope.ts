import { z } from 'zod'

export const eventIdPattern = /^[A-Za-z0-9_-]{1,64}$/
/** Opaque ids: no '@', so an e-mail address can never become an identity. */
export const userIdPattern = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/

/**
 * Ids that mean "nobody": a client bug sends them for many people at once, and one such id would become the most
 * active member of the tenant. The list is the one Mixpanel's import refuses, as far as our pattern lets them through.
 */
const reservedIds: ReadonlySet<string> = new Set([
  '0',
  '00000000-0000-0000-0000-000000000000',
  'anon',
  'anonymous',
  'false',
  'lmy47d',
  'na',
  'nil',
  'none',
  'null',
  'true',
  'undefined',
  'unknown',
  'unset',
])

export function isReservedId(id: string): boolean {
  return id.length <= 36 && reservedIds.has(id.toLowerCase())
}

/** Bounds on what one event may carry. Depth counts `properties` itself as level 1. */
export const eventLimits = { properties: 255, depth: 3, textLength: 65_536, nameLength: 255, sourceLength: 64 } as const

/**
 * An event as it is sent. This schema documents the contract (OpenAPI); `parseEvent` checks the same by hand because
 * it runs for every event, and a property test keeps the two equal.
 */
export const rawEvent = z.object({
  event_id: z
    .string()
    .regex(eventIdPattern)
    .describe('Unique id chosen by the sender. Send the same one on every retry.'),
  type: z.string().describe('One of the event catalogue (docs/events.md).'),
  occurred_at: z.string().describe('When it happened: RFC 3339 with a zone, from 1970 on.'),
  user_id: z
    .string()
    .regex(userIdPattern)
    .describe('Opaque id of the member concerned, also for messages of a coach or the AI.'),
  session_id: z.string().regex(userIdPattern).nullish().describe("The sender's session, if it knows one."),
  source: z.string().max(eventLimits.sourceLength).nullish().describe('What sent it, such as ios or backend.'),
  properties: z.record(z.string(), z.unknown()).nullish(),
})

/** The same with a device's numbering, which is of the delivery and not stored with the event. */
export const sentEvent = rawEvent.extend({
  sequence: z
    .int()
    .min(1)
    .optional()
    .describe("Number of the event on its device: 1, 2, 3…; with the batch's device_id, gaps are reported."),
})

export type RawEvent = z.infer<typeof rawEvent>

/** An event that passed: canonical time, its subject, and whether it counts as an action of the member. */
export type ParsedEvent = {
  readonly event_id: string
  readonly type: string
  /** UTC with milliseconds, `2026-03-31T08:15:00.000Z`. */
  readonly occurred_at: string
  readonly user_id: string
  readonly session_id: string | null
  readonly source: string | null
  readonly properties: Record<string, unknown>
  /** The goal, habit, nudge, conversation, AI session or task it is about. */
  readonly subject_id: string | null
  readonly is_action: boolean
}
