import type { SentEvent } from './member-logs.ts'

const MINUTE = 60_000
const DAY = 86_400_000

/**
 * A tenant in which every metric has something to say: ten weeks of members with plans, coaches, goals, habits, chats, nudges
 * and AI sessions, up to a day before `end`. Every id and name carries `mark`; ids do not depend on it, so two tenants overlap.
 */
export function busyTenant(options: { end: number; mark: string; members?: number }): SentEvent[] {
  const { end, mark, members = 8 } = options
  const start = Math.floor(end / DAY - 70) * DAY
  const events: SentEvent[] = []
  for (let m = 0; m < members; m += 1) {
    let n = 0
    const add = (
      day: number,
      minutes: number,
      type: string,
      properties: Record<string, unknown> = {},
      session?: string,
    ) => {
      const at = start + day * DAY + minutes * MINUTE
      if (at > end - DAY) return
      n += 1
      events.push({
        event_id: `e-${m}-${n}`,
        type,
        occurred_at: new Date(at).toISOString(),
        user_id: `member-${m}`,
        ...(session === undefined ? {} : { session_id: session }),
        properties,
      })
    }
    const coach_id = `coach-${(m % 2) + 1}`
    const first = (m * 3) % 28
    add(first, 480, 'signed_up', { plan: m % 3 === 0 ? `free-${mark}` : `plus-${mark}`, coach_id, signup_source: mark })
    add(first, 490, 'habit_created', { habit_id: 'habit-1', schedule: { kind: 'weekdays', days: [1, 2, 3, 4, 5] } })
    add(first, 491, 'habit_created', { habit_id: 'habit-2', schedule: { kind: 'times_per_week', times: 3 } })
    add(40, 300 + m, 'profile_changed', { plan: `pro-${mark}` })
    for (let day = first; day < 70; day += 1) {
      if ((day * 7 + m * 5) % 4 === 0) continue
      const session = `s-${day}`
      const at = 540 + ((day * 37 + m * 91) % 600)
      add(day, at, 'session_started', { platform: 'ios' }, session)
      add(day, at + 3, 'screen_viewed', { screen: 'home' }, session)
      if (day % 3 === 0) add(day, at + 4, 'goal_created', { goal_id: `goal-${day}`, category: mark }, session)
      if (day % 3 === 1)
        add(day, at + 5, day % 2 ? 'goal_completed' : 'goal_abandoned', { goal_id: `goal-${day - 1}` }, session)
      if (day % 6 === 2) add(day, at + 6, 'goal_reopened', { goal_id: `goal-${day - 2}` }, session)
      add(day, at + 8, day % 9 === 0 ? 'habit_skipped' : 'habit_checked', { habit_id: 'habit-1' }, session)
      if (day % 2 === 0) add(day, at + 9, 'habit_checked', { habit_id: 'habit-2' }, session)
      if (day % 4 === 0)
        add(day, at + 10, 'message_sent', { conversation_id: `chat-${m}`, sender: 'member', length: 12 })
      if (day % 4 === 2) add(day, at + 30, 'message_sent', { conversation_id: `chat-${m}`, sender: 'coach', coach_id })
      if (day % 5 === 0)
        add(day, 500, 'nudge_sent', { nudge_id: `nudge-${day}`, persona: day % 2 ? `calm-${mark}` : `firm-${mark}` })
      if (day % 10 === 0) add(day, 700, 'nudge_opened', { nudge_id: `nudge-${day}` })
      if (day % 3 === 0) {
        add(day, at + 12, 'ai_session_started', { ai_session_id: `ai-${day}`, persona: `calm-${mark}` })
        add(day, at + 14, 'ai_session_ended', { ai_session_id: `ai-${day}` })
        if (day % 2 === 0)
          add(day, at + 15, 'ai_session_rated', { ai_session_id: `ai-${day}`, rating: 1 + ((day + m) % 5) })
      }
      if (day % 7 === 0) add(day, at + 16, 'mood_logged', { score: 1 + (day % 5) })
      if (day % 8 === 0) add(day, at + 17, 'task_completed', { task_id: `task-${mark}` })
    }
  }
  return events
}
