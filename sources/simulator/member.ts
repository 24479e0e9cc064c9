import { Diary } from './diary.ts'
import type { Churn, World } from './journal.ts'
import type { TwinPersona } from './options.ts'
import { Random, seedOf } from './random.ts'
import type { LocalDay } from './zone.ts'

/** A member while the twin lives through the days. */
export type Member = {
  readonly userId: string
  readonly index: number
  readonly rng: Random
  readonly diary: Diary
  readonly world: World
  readonly signupDay: LocalDay
  /** Probability of opening the app on a day, before habit and decline. */
  readonly engagement: number
  /** Usual minute of the day. */
  readonly usualMinute: number
  readonly platform: string
  /** Sends no session ids. */
  readonly oldApp: boolean
  readonly churn: Churn | null
  plan: string
  coachId: string
  /** End of the last session: the next one starts clearly later. */
  lastEnd: number
}

const platforms = ['ios', 'android', 'web'] as const

export function createMember(world: World, index: number): Member {
  const { settings, firstDay } = world
  const rng = new Random(seedOf(settings.seed, 'member', index))
  const userId = `member-${String(index + 1).padStart(4, '0')}`
  // The first two are there from the first day; sign-ups then spread over most of the range.
  const signupDay = index < 2 ? firstDay : firstDay + Math.floor(rng.next() ** 1.3 * settings.days * 0.94)
  const engagement = rng.between(0.15, 0.88)
  const plan = rng.pick(settings.plans).name
  const coachId = `coach-${rng.int(1, settings.coaches)}`
  const usualMinute = rng.int(6 * 60, 22 * 60)
  return {
    userId,
    index,
    rng,
    world,
    diary: new Diary(world, userId),
    signupDay,
    engagement,
    usualMinute,
    platform: rng.pick(platforms),
    oldApp: rng.chance(0.12),
    churn: planChurn(world, userId, signupDay, rng),
    plan,
    coachId,
    lastEnd: 0,
  }
}

/** Churners decline for three to five weeks, each for one or two planted reasons, and then are silent for good. */
function planChurn(world: World, userId: string, signupDay: LocalDay, rng: Random): Churn | null {
  if (!rng.chance(world.settings.churn)) return null
  const silent = signupDay + rng.int(45, 240)
  if (silent > world.lastDay) return null
  const causes = rng.pick<Churn['causes']>([
    ['fewer_checks'],
    ['unanswered_messages'],
    ['ignored_nudges'],
    ['fewer_checks', 'ignored_nudges'],
    ['fewer_checks', 'unanswered_messages'],
  ])
  return { user_id: userId, causes, declines: silent - rng.int(21, 35), silent }
}

export function isSilent(member: Member, day: LocalDay): boolean {
  return member.churn !== null && day >= member.churn.silent
}

/** Is this reason at work on that day? */
export function suffers(member: Member, day: LocalDay, cause: Churn['causes'][number]): boolean {
  return member.churn !== null && day >= member.churn.declines && member.churn.causes.includes(cause)
}

/** Probability of opening the app unprompted on that day. */
export function appetite(member: Member, day: LocalDay): number {
  if (member.churn === null || day < member.churn.declines) return member.engagement
  const left = (member.churn.silent - day) / (member.churn.silent - member.churn.declines)
  return member.engagement * (0.3 + 0.6 * Math.max(0, left))
}

export function personaOf(member: Member): TwinPersona {
  return member.rng.pick(member.world.settings.personas)
}
