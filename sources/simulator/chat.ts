import type { Deed } from './goals.ts'
import { type Member, suffers } from './member.ts'

const hourMs = 3_600_000

/** The chat of one member: their messages, the coach's answers after a while, the AI's at once. */
export class Chat {
  private readonly member: Member
  /** When the coach answers the run of messages that waits now. */
  private answerAt = 0

  constructor(member: Member) {
    this.member = member
  }

  /** One to three messages in a row. */
  deeds(): Deed[] {
    return Array.from({ length: this.member.rng.int(1, 3) }, () => (at: number) => {
      const { rng, diary } = this.member
      const length = rng.int(5, 400)
      diary.act(at, 'message_sent', { conversation_id: this.conversation, sender: 'member', length })
      this.note('member', at)
      if (rng.chance(0.3)) this.say('ai', at + rng.int(2_000, 20_000))
      if (at > this.answerAt) this.planAnswer(at)
      return true
    })
  }

  /** The coach writes first, about once a fortnight. */
  checkIn(at: number): void {
    this.say('coach', at)
  }

  private get conversation(): string {
    return `chat-${this.member.index + 1}`
  }

  private planAnswer(at: number): void {
    const { rng, world } = this.member
    const ignored = suffers(this.member, world.zone.dayOf(at), 'unanswered_messages') ? 0.85 : 0.04
    if (rng.chance(ignored)) return
    // Log-normal around an hour and a half: some answers take minutes, a few take days.
    const delay = Math.round(Math.exp(Math.log(1.5) + 1.1 * rng.normal()) * hourMs)
    this.answerAt = at + Math.max(30_000, delay)
    this.say('coach', this.answerAt)
    if (rng.chance(0.3)) this.say('coach', this.answerAt + rng.int(5_000, 90_000))
  }

  private say(sender: 'coach' | 'ai', at: number): void {
    if (at >= this.member.world.end) return
    const coach = sender === 'coach' ? { coach_id: this.member.coachId } : {}
    const length = this.member.rng.int(10, 600)
    this.member.diary.system(at, 'message_sent', { conversation_id: this.conversation, sender, length, ...coach })
    this.note(sender, at)
  }

  private note(sender: 'member' | 'coach' | 'ai', at: number): void {
    const { userId, coachId, world } = this.member
    world.journal.messages.push({ user_id: userId, coach_id: coachId, sender, at })
  }
}
