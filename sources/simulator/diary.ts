import type { RawEvent } from '../envelope.ts'
import type { World } from './journal.ts'

type Properties = Record<string, unknown>

/** What answers a nudge (metrics.md, ai_nudge_effectiveness): a session, a habit check, goal progress, a message. */
const engaging: ReadonlySet<string> = new Set(['session_started', 'habit_checked', 'goal_progressed', 'message_sent'])

/** Writes one member's events. Members act only inside sessions; what others do to them stands outside. */
export class Diary {
  readonly userId: string
  private readonly world: World
  private readonly idPrefix: string
  private readonly engagements: number[] = []
  private count = 0
  private session = -1
  private sessionId: string | undefined

  constructor(world: World, userId: string) {
    this.world = world
    this.userId = userId
    this.idPrefix = `s${world.settings.seed}-${userId}`
    world.journal.engagements.set(userId, this.engagements)
  }

  /** `known: false`: an old app that sends no session_id. */
  beginSession(known: boolean): void {
    this.session = this.world.journal.sessions.push({ user_id: this.userId, instants: [], hasMessages: false }) - 1
    this.sessionId = known ? `${this.idPrefix}-session-${this.session}` : undefined
  }

  act(at: number, type: string, properties: Properties = {}): void {
    const session = this.world.journal.sessions[this.session]
    if (session === undefined) throw new Error('A member acts inside a session')
    session.instants.push(at)
    if (type === 'message_sent') session.hasMessages = true
    if (engaging.has(type)) this.engagements.push(at)
    this.write(at, type, properties, this.session, this.sessionId)
  }

  system(at: number, type: string, properties: Properties): void {
    this.write(at, type, properties, -1, undefined)
  }

  private write(
    at: number,
    type: string,
    properties: Properties,
    session: number,
    sessionId: string | undefined,
  ): void {
    this.count += 1
    const event: RawEvent = {
      event_id: `${this.idPrefix}-${this.count}`,
      type,
      occurred_at: new Date(at).toISOString(),
      user_id: this.userId,
      source: 'twin',
      properties,
      ...(sessionId === undefined ? {} : { session_id: sessionId }),
    }
    this.world.journal.events.push({ at, session, event })
  }
}
