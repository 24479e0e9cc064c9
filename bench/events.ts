import { randomBytes } from 'node:crypto'

export const MEMBERS = 2_000
/** A member's events come in bursts: a screen, what is done there, the next screen. */
const BURST = 4

export interface SentEvent {
  readonly event_id: string
  readonly type: string
  readonly occurred_at: string
  readonly user_id: string
  readonly session_id: string
  readonly source: string
  readonly properties: Readonly<Record<string, unknown>>
}

let n = 0

/** UUID of version 7, as senders are told to use: begins with the time. */
function nextId(now: number): string {
  const hex = now.toString(16).padStart(12, '0')
  const random = randomBytes(10).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${random.slice(0, 3)}-a${random.slice(3, 6)}-${random.slice(6, 18)}`
}

/** What an app sends all day: mostly screens, with what members do in between. */
const kinds: readonly ((i: number) => readonly [string, Record<string, unknown>])[] = [
  (i) => ['screen_viewed', { screen: `screen-${i % 40}`, version: '4.2.0' }],
  (i) => ['screen_viewed', { screen: `screen-${i % 7}`, version: '4.2.0' }],
  (i) => ['screen_viewed', { screen: `screen-${i % 11}`, version: '4.2.0' }],
  () => ['session_heartbeat', {}],
  (i) => ['habit_checked', { habit_id: `habit-${i % 900}` }],
  (i) => ['mood_logged', { score: (i % 5) + 1 }],
  (i) => ['goal_progressed', { goal_id: `goal-${i % 500}`, progress: (i % 100) / 100 }],
  (i) => ['message_sent', { conversation_id: `c-${i % MEMBERS}`, sender: 'member', length: i % 300 }],
]

export interface Mix {
  /** Instants lie in the `spanMs` before this one. */
  readonly now?: number
  readonly spanMs?: number
  /** A member's session lasts so long; otherwise each burst is one. */
  readonly sessionMs?: number
}

/** `count` new events, each with an identity of its own. */
export function newEvents(count: number, { now = Date.now(), spanMs = 600_000, sessionMs }: Mix = {}): SentEvent[] {
  return Array.from({ length: count }, () => {
    n += 1
    const member = Math.floor(n / BURST) % MEMBERS
    const [type, properties] = kinds[n % kinds.length]?.(n) ?? ['session_heartbeat', {}]
    return {
      event_id: nextId(Date.now()),
      type,
      occurred_at: new Date(now - ((n * 7_919) % spanMs)).toISOString(),
      user_id: `member-${member}`,
      session_id: `s-${member}-${Math.floor(sessionMs ? now / sessionMs : n / (BURST * MEMBERS))}`,
      source: 'bench',
      properties,
    }
  })
}

/** The same as bodies of `perBody` events each. */
export function bodies(events: readonly SentEvent[], perBody: number): string[] {
  const found: string[] = []
  for (let i = 0; i < events.length; i += perBody) found.push(JSON.stringify({ events: events.slice(i, i + perBody) }))
  return found
}
