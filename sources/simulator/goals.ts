import type { GoalChange } from './journal.ts'
import type { Member } from './member.ts'

type State = 'open' | 'completed' | 'abandoned'
type Goal = { readonly id: string; state: State; progress: number; plan: string; coachId: string }

/** A step inside a session; false: nothing was left to do, so no time passes. */
export type Deed = (at: number) => boolean

const categories = ['fitness', 'career', 'sleep', 'focus', 'relationships'] as const

/** The goals of one member. Only real state changes are noted; the repeats that clients send are events without effect. */
export class Goals {
  private readonly member: Member
  private readonly goals: Goal[] = []

  constructor(member: Member) {
    this.member = member
  }

  get open(): readonly string[] {
    return this.goals.filter((goal) => goal.state === 'open').map((goal) => goal.id)
  }

  create(): Deed {
    return (at) => {
      const { member } = this
      const id = `goal-${member.index + 1}-${this.goals.length + 1}`
      const goal: Goal = { id, state: 'open', progress: 0, plan: member.plan, coachId: member.coachId }
      this.goals.push(goal)
      member.diary.act(at, 'goal_created', { goal_id: id, category: member.rng.pick(categories) })
      this.note(goal, 'created', at)
      return true
    }
  }

  /** What the member does about goals in today's session. */
  deeds(): Deed[] {
    const { rng } = this.member
    const deeds: Deed[] = []
    if (this.open.length < 3 && rng.chance(0.03)) deeds.push(this.create())
    for (const goal of this.goals) {
      if (goal.state === 'open') deeds.push(...this.workOn(goal))
      else if (rng.chance(0.004)) deeds.push(this.change(goal, 'reopened'))
    }
    return deeds
  }

  private workOn(goal: Goal): Deed[] {
    const { rng } = this.member
    if (goal.progress > 0.8 && rng.chance(0.25)) {
      // Some clients send the completion twice.
      const again = rng.chance(0.1) ? [this.repeat(goal, 'completed')] : []
      return [this.change(goal, 'completed'), ...again]
    }
    if (rng.chance(0.004)) {
      const again = rng.chance(0.2) ? [this.repeat(goal, 'abandoned')] : []
      return [this.change(goal, 'abandoned'), ...again]
    }
    if (rng.chance(0.002)) return [this.repeat(goal, 'open')]
    return rng.chance(0.25) ? [this.progress(goal)] : []
  }

  private progress(goal: Goal): Deed {
    return (at) => {
      goal.progress = Math.min(1, Math.round((goal.progress + this.member.rng.between(0.02, 0.2)) * 100) / 100)
      this.member.diary.act(at, 'goal_progressed', { goal_id: goal.id, progress: goal.progress })
      return true
    }
  }

  private change(goal: Goal, change: 'completed' | 'abandoned' | 'reopened'): Deed {
    return (at) => {
      if ((change === 'reopened') === (goal.state === 'open')) return false
      goal.state = change === 'reopened' ? 'open' : change
      if (change === 'reopened') {
        goal.progress = Math.min(goal.progress, 0.6)
        goal.plan = this.member.plan
        goal.coachId = this.member.coachId
      }
      this.member.diary.act(at, `goal_${change}`, { goal_id: goal.id })
      this.note(goal, change, at)
      return true
    }
  }

  /** Says again what already is: no state change. */
  private repeat(goal: Goal, state: State): Deed {
    return (at) => {
      if (goal.state !== state) return false
      this.member.diary.act(at, state === 'open' ? 'goal_reopened' : `goal_${state}`, { goal_id: goal.id })
      return true
    }
  }

  private note(goal: Goal, change: GoalChange['change'], at: number): void {
    this.member.world.journal.goals.push({
      user_id: this.member.userId,
      goal_id: goal.id,
      at,
      change,
      plan: goal.plan,
      coach_id: goal.coachId,
    })
  }
}
