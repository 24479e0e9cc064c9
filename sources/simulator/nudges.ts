import type { Deed } from './goals.ts'
import type { NudgeRecord } from './journal.ts'
import { isSilent, type Member, personaOf, suffers } from './member.ts'
import type { LocalDay } from './zone.ts'

type Planned = { at: number; readonly day: LocalDay; readonly record: NudgeRecord; readonly channel: string }

/** A session that a nudge brought about. */
export type Comeback = { readonly at: number; readonly deeds: readonly Deed[] }

const channels = ['push', 'email', 'in_app'] as const
const minuteMs = 60_000

/** The nudges one member gets, and the sessions some of them cause. */
export class Nudges {
  private readonly member: Member
  private readonly planned: Planned[] = []
  private readonly spans: [start: number, end: number][] = []

  constructor(member: Member) {
    this.member = member
  }

  /** Decides about today's nudge; returns the session it leads to, if it works. */
  plan(day: LocalDay): Comeback | null {
    const { rng, world, churn } = this.member
    // The system keeps writing to a silent member for a month.
    if (churn !== null && day > churn.silent + 30) return null
    if (!rng.chance(0.3)) return null
    const persona = personaOf(this.member)
    const at = world.zone.instantOf(day, rng.int(8 * 60, 20 * 60)) + rng.int(0, minuteMs - 1)
    const nudge_id = `nudge-${this.member.index + 1}-${this.planned.length + 1}`
    const record: NudgeRecord = { user_id: this.member.userId, nudge_id, persona: persona.name, at, openedAt: null }
    this.planned.push({ at, day, record, channel: rng.pick(channels) })
    const works = rng.chance(persona.effect)
    if (!works || isSilent(this.member, day) || suffers(this.member, day, 'ignored_nudges')) return null
    return { at: at + rng.int(5 * minuteMs, 16 * 60 * minuteMs), deeds: this.answer(record) }
  }

  sessionHappened(start: number, end: number): void {
    this.spans.push([start, end])
  }

  /**
   * Writes the nudges down. One that fell into a session is moved to just before it: whether a session counts as an
   * answer to a nudge that came in its middle is nobody's definition.
   */
  send(): void {
    const { diary, world } = this.member
    for (const { record, channel } of this.planned) {
      const span = this.spans.find(([start, end]) => record.at >= start - minuteMs && record.at <= end + minuteMs)
      if (span !== undefined) record.at = span[0] - 2 * minuteMs
      if (record.at >= world.end) continue
      world.journal.nudges.push(record)
      diary.system(record.at, 'nudge_sent', { nudge_id: record.nudge_id, persona: record.persona, channel })
    }
  }

  private answer(record: NudgeRecord): Deed[] {
    const { rng, diary } = this.member
    const open: Deed = (at) => {
      record.openedAt = at
      diary.act(at, 'nudge_opened', { nudge_id: record.nudge_id })
      return true
    }
    const act: Deed = (at) => {
      diary.act(at, 'nudge_acted', { nudge_id: record.nudge_id, action: 'habit_checked' })
      return true
    }
    return rng.chance(0.5) ? [open, act] : rng.chance(0.6) ? [open] : []
  }
}
