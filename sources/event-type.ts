import type { z } from 'zod'
import type { RawEvent } from './envelope.ts'

/** Who did it. Only what a member did makes the member active (metrics.md, "Active"). */
type Actor = 'member' | 'system'

export type EventType = {
  readonly type: string
  readonly title: string
  readonly description: string
  /** Known properties; others are kept as they are. Optional ones may also be null. */
  readonly properties: z.ZodObject
  readonly actor: (properties: Readonly<Record<string, unknown>>) => Actor
  /** The property that names the goal, habit, conversation… the event is about. */
  readonly subject?: string
  /** A whole event as a client sends it. */
  readonly example: RawEvent
}

type Definition<P extends z.ZodObject> = {
  type: string
  title: string
  description: string
  properties: P
  /** Default: the member did it. */
  actor?: Actor | ((properties: Readonly<Record<string, unknown>>) => Actor)
  subject?: keyof P['shape'] & string
  /** Properties of the example event. */
  example: z.input<P>
}

/** Completes a definition: default actor, example envelope. */
export function defineEvent<P extends z.ZodObject>(definition: Definition<P>): EventType {
  const { type, title, description, properties, actor = 'member', subject, example } = definition
  return {
    type,
    title,
    description,
    properties,
    actor: typeof actor === 'function' ? actor : () => actor,
    ...(subject === undefined ? {} : { subject }),
    example: {
      event_id: `example-${type.replaceAll('_', '-')}`,
      type,
      occurred_at: '2026-03-31T08:15:00+02:00',
      user_id: 'member-17',
      ...(actor === 'system' ? {} : { session_id: 'session-4711' }),
      ...(Object.keys(example).length === 0 ? {} : { properties: example }),
    },
  }
}
