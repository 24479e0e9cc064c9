import type { RawEvent } from '../envelope.ts'
import { Random, seedOf } from './random.ts'
import type { Twin, TwinMember } from './twin.ts'
import { zoneClock } from './zone.ts'

const slotMs = 30 * 60_000
/** A coach answers within this time, so events of a slot can fall this far after its end. */
const reachMs = 45 * 60_000

export type LiveOptions = {
  /** Start of the window, milliseconds; default one minute before `now`. */
  readonly since?: number
  /** Sessions per member and day beyond the usual: 1 is life-like, more makes a livelier demo. */
  readonly intensity?: number
}

/**
 * What the twin's members do in (since, now], in order of time. A function of seed and time alone: consecutive windows
 * fit together without gap or overlap, and a restarted demo sends the same event ids again.
 */
export function liveEvents(twin: Twin, now: number, options: LiveOptions = {}): RawEvent[] {
  const { since = now - 60_000, intensity = 2 } = options
  const zone = zoneClock(twin.settings.timezone)
  const found: { at: number; event: RawEvent }[] = []
  for (let slot = Math.floor((since - reachMs) / slotMs); slot * slotMs <= now; slot++) {
    const hour = zone.minuteOf(slot * slotMs) / 60
    for (const member of twin.members) {
      if (member.silent) continue
      const rng = new Random(seedOf(twin.settings.seed, 'live', member.user_id, slot))
      if (!rng.chance(chanceOfSession(member, hour) * intensity)) continue
      for (const item of liveSession(twin, member, slot, rng)) if (item.at > since && item.at <= now) found.push(item)
    }
  }
  return found.sort((a, b) => a.at - b.at || (a.event.event_id < b.event.event_id ? -1 : 1)).map(({ event }) => event)
}

/** A bell around the member's usual hour over a low floor in the day time; adds up to about one session a day. */
function chanceOfSession(member: TwinMember, hour: number): number {
  const away = Math.abs(hour - member.usual_minute / 60)
  const distance = Math.min(away, 24 - away)
  const floor = hour >= 6 && hour < 23 ? 0.012 : 0.001
  return member.engagement * (floor + 0.13 * Math.exp(-(distance ** 2) / 4))
}

function liveSession(twin: Twin, member: TwinMember, slot: number, rng: Random): { at: number; event: RawEvent }[] {
  const prefix = `s${twin.settings.seed}-live-${member.user_id}-${slot}`
  const items: { at: number; event: RawEvent }[] = []
  let at = slot * slotMs + rng.int(0, 12 * 60_000)
  const write = (when: number, type: string, properties: Record<string, unknown>, session = true) => {
    const event: RawEvent = {
      event_id: `${prefix}-${items.length + 1}`,
      type,
      occurred_at: new Date(when).toISOString(),
      user_id: member.user_id,
      source: 'twin',
      properties,
      ...(session ? { session_id: prefix } : {}),
    }
    items.push({ at: when, event })
  }
  const act = (type: string, properties: Record<string, unknown> = {}) => {
    write(at, type, properties)
    at += rng.int(4_000, 70_000)
  }

  if (rng.chance(0.3)) {
    const nudge_id = `${prefix}-nudge`
    write(at, 'nudge_sent', { nudge_id, persona: rng.pick(twin.settings.personas).name, channel: 'push' }, false)
    at += rng.int(20_000, 120_000)
    act('session_started', { platform: member.platform })
    if (rng.chance(0.5)) act('nudge_opened', { nudge_id })
  } else act('session_started', { platform: member.platform })
  act('screen_viewed', { screen: rng.pick(['home', 'goals', 'habits', 'progress']) })
  for (const habit_id of member.habits) if (rng.chance(0.5)) act('habit_checked', { habit_id })
  for (const goal_id of member.open_goals) if (rng.chance(0.2)) act('goal_progressed', { goal_id })
  if (rng.chance(0.15)) act('mood_logged', { score: rng.int(2, 5) })
  if (rng.chance(0.15)) act('task_completed', { task_id: `${prefix}-task` })
  if (rng.chance(0.2)) {
    const conversation_id = `chat-live-${member.user_id}`
    act('message_sent', { conversation_id, sender: 'member', length: rng.int(5, 300) })
    const reply = { conversation_id, sender: 'coach', length: rng.int(10, 500), coach_id: member.coach_id }
    write(at + rng.int(60_000, 18 * 60_000), 'message_sent', reply, false)
  }
  act('session_ended')
  return items
}
