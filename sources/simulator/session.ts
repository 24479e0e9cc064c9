import type { Deed } from './goals.ts'
import type { Member } from './member.ts'

const minuteMs = 60_000

/** Time until the next action: mostly seconds, sometimes the very 5 minutes that still count, rarely a longer pause. */
function pause(member: Member): number {
  const { rng } = member
  const kind = rng.next()
  if (kind < 0.78) return rng.int(4_000, 80_000)
  if (kind < 0.94) return rng.int(80_000, 290_000)
  if (kind < 0.96) return 5 * minuteMs
  return rng.int(5 * minuteMs + 1_000, 20 * minuteMs)
}

/**
 * Lives one session: opens the app, does the deeds with pauses between, closes it. Sessions of a member are more than
 * half an hour apart and never pause that long inside, so they are the same with and without session ids.
 * Returns its first and last instant, or null if it would begin after `until`.
 */
export function liveSession(
  member: Member,
  wanted: number,
  until: number,
  deeds: readonly Deed[],
  first?: Deed,
): [start: number, end: number] | null {
  const { diary, rng } = member
  const start = Math.max(wanted, member.lastEnd + 31 * minuteMs) + rng.int(0, 59_999)
  if (start >= until) return null
  diary.beginSession(!member.oldApp)
  let at = start
  if (first?.(at)) at += rng.int(500, 3_000)
  if (at < until) diary.act(at, 'session_started', { platform: member.platform, app_version: '4.2.0' })
  for (const deed of deeds) {
    const next = at + pause(member)
    if (next >= until) break
    if (deed(next)) at = next
  }
  const end = at + rng.int(2_000, 60_000)
  if (end < until) {
    diary.act(end, 'session_ended', { duration_seconds: Math.round((end - start) / 1000) })
    at = end
  }
  member.lastEnd = at
  return [start, at]
}
