import { Chat } from './chat.ts'
import { type Deed, Goals } from './goals.ts'
import { Habits } from './habits.ts'
import { appetite, isSilent, type Member, personaOf, suffers } from './member.ts'
import { type Comeback, Nudges } from './nudges.ts'
import { liveSession } from './session.ts'
import type { LocalDay } from './zone.ts'

const screens = ['home', 'goals', 'habits', 'chat', 'library', 'progress', 'settings'] as const

/** A member's plan from a local day on. */
type PlanSpell = { readonly day: LocalDay; readonly plan: string }

export type Life = {
  readonly member: Member
  readonly openGoals: readonly string[]
  readonly habits: readonly string[]
  readonly plans: readonly PlanSpell[]
}

/** Lives a member's days from sign-up to the end of the twin and writes everything into the journal. */
export function live(member: Member): Life {
  const { world, rng, churn } = member
  const { zone, journal, lastDay } = world
  const goals = new Goals(member)
  const habits = new Habits(member)
  const chat = new Chat(member)
  const nudges = new Nudges(member)
  const plans: PlanSpell[] = [{ day: member.signupDay, plan: member.plan }]
  const until = churn === null ? world.end : Math.min(world.end, zone.instantOf(churn.silent, 0))
  let comebacks: Comeback[] = []

  if (churn !== null) journal.churns.push(churn)
  for (let day = member.signupDay; day <= lastDay; day++) {
    if (day > member.signupDay) changeProfile(member, day, plans)
    const comeback = day === member.signupDay ? null : nudges.plan(day)
    if (comeback !== null) comebacks.push(comeback)
    if (isSilent(member, day)) continue
    const dayEnd = zone.instantOf(day + 1, 0)
    const due = comebacks.filter((c) => c.at < dayEnd)
    comebacks = comebacks.filter((c) => c.at >= dayEnd)
    const sessions: Comeback[] = [...due, ...ownSessions(member, day)].sort((a, b) => a.at - b.at)
    for (const { at, deeds } of sessions) {
      const signUp = day === member.signupDay ? onboarding(member, goals, habits) : null
      const span = signUp
        ? liveSession(member, at, until, signUp.deeds, signUp.first)
        : liveSession(member, at, until, [...deeds, ...daily(member, day, goals, habits, chat)])
      if (span !== null) nudges.sessionHappened(...span)
    }
    if (!suffers(member, day, 'unanswered_messages') && rng.chance(0.07)) {
      chat.checkIn(zone.instantOf(day, rng.int(9 * 60, 18 * 60)) + rng.int(0, 59_999))
    }
  }
  nudges.send()
  return { member, openGoals: goals.open, habits: habits.running, plans }
}

/** The sessions of a day that no nudge caused. On the first day exactly one: the sign-up. */
function ownSessions(member: Member, day: LocalDay): Comeback[] {
  const { rng, world } = member
  const at = (minute: number): Comeback => ({ at: world.zone.instantOf(day, minute), deeds: [] })
  if (day === member.signupDay) return [at(rng.int(8 * 60, 20 * 60))]
  if (!rng.chance(appetite(member, day))) return []
  const usual = Math.round(member.usualMinute + 70 * rng.normal())
  const sessions = [at(Math.min(1439, Math.max(0, usual)))]
  if (rng.chance(0.35)) sessions.push(at(rng.int(6 * 60, 1439)))
  if (rng.chance(0.1)) sessions.push(at(rng.int(0, 1439)))
  return sessions
}

function onboarding(member: Member, goals: Goals, habits: Habits): { first: Deed; deeds: Deed[] } {
  const { rng, diary, world } = member
  const first: Deed = (at) => {
    diary.act(at, 'signed_up', {
      plan: member.plan,
      coach_id: member.coachId,
      signup_source: rng.pick(['organic', 'ads', 'referral']),
    })
    world.journal.signUps.push({ user_id: member.userId, at, day: world.zone.dayOf(at) })
    return true
  }
  const habitCount = rng.int(1, 3)
  return {
    first,
    deeds: [view(member), goals.create(), ...Array.from({ length: habitCount }, () => habits.create()), view(member)],
  }
}

/** What a member does in an ordinary session, in random order; what belongs together stays together. */
function daily(member: Member, day: LocalDay, goals: Goals, habits: Habits, chat: Chat): Deed[] {
  const { rng, diary, world } = member
  const { journal } = world
  const groups: Deed[][] = [...habits.deeds(day).map((deed) => [deed]), ...goals.deeds().map((deed) => [deed])]
  for (let n = rng.int(1, 4); n > 0; n--) groups.push([view(member)])
  if (rng.chance(0.5)) groups.push([act(member, 'session_heartbeat'), act(member, 'session_heartbeat')])
  if (rng.chance(0.22)) groups.push(chat.deeds())
  if (rng.chance(0.12)) groups.push(aiSession(member))
  if (rng.chance(0.2)) {
    const score = Math.min(5, Math.max(1, Math.round(3.6 + rng.normal())))
    groups.push([
      (at) => {
        journal.moods.push({ at, score })
        diary.act(at, 'mood_logged', { score })
        return true
      },
    ])
  }
  if (rng.chance(0.25)) {
    groups.push([
      (at) => {
        diary.act(at, 'task_completed', { task_id: `task-${member.index + 1}-${journal.tasks.push({ at })}` })
        return true
      },
    ])
  }
  if (rng.chance(0.1)) groups.push([act(member, 'action', { name: 'library_opened' })])
  for (let i = groups.length - 1; i > 0; i--) {
    const j = rng.int(0, i)
    const [a, b] = [groups[i], groups[j]]
    if (a && b) [groups[i], groups[j]] = [b, a]
  }
  return groups.flat()
}

function act(member: Member, type: string, properties: Record<string, unknown> = {}): Deed {
  return (at) => {
    member.diary.act(at, type, properties)
    return true
  }
}

const view = (member: Member): Deed => act(member, 'screen_viewed', { screen: member.rng.pick(screens) })

function aiSession(member: Member): Deed[] {
  const { rng, diary, world } = member
  const { journal } = world
  const persona = personaOf(member)
  const ai_session_id = `ai-${member.index + 1}-${journal.aiSessions.length + 1}`
  const rating = Math.min(5, Math.max(1, Math.round(persona.rating + 0.8 * rng.normal())))
  const deeds: Deed[] = [
    (at) => {
      journal.aiSessions.push({ at, persona: persona.name })
      diary.act(at, 'ai_session_started', { ai_session_id, persona: persona.name })
      diary.system(at + 1_500, 'message_sent', {
        conversation_id: ai_session_id,
        sender: 'ai',
        length: rng.int(40, 900),
      })
      return true
    },
    act(member, 'ai_session_ended', { ai_session_id }),
  ]
  if (rng.chance(0.6)) {
    deeds.push((at) => {
      journal.ratings.push({ at, rating, persona: persona.name })
      diary.act(at, 'ai_session_rated', { ai_session_id, rating })
      return true
    })
  }
  return deeds
}

/** Upgrades, downgrades and new coaches, some seconds after local midnight and never inside a session. */
function changeProfile(member: Member, day: LocalDay, plans: PlanSpell[]): void {
  const { rng, world, diary } = member
  const at = Math.max(world.zone.instantOf(day, 0) + 30_000, member.lastEnd + 1_000)
  if (at >= world.end || isSilent(member, day)) return
  if (rng.chance(0.0008)) {
    member.plan = rng.pick(world.settings.plans).name
    plans.push({ day, plan: member.plan })
    diary.system(at, 'profile_changed', { plan: member.plan })
  } else if (world.settings.coaches > 1 && rng.chance(0.0003)) {
    member.coachId = `coach-${rng.int(1, world.settings.coaches)}`
    diary.system(at, 'profile_changed', { coach_id: member.coachId })
  }
}
