import type { RawEvent } from '../envelope.ts'
import type { TwinSettings } from './options.ts'
import type { LocalDay, Zone } from './zone.ts'

/** An event of the twin with its true instant; `session` is an index into the journal's sessions, -1 outside any. */
export type TwinEvent = { readonly at: number; readonly session: number; readonly event: RawEvent }

/** What a member did in one go, in order. */
export type SessionRecord = {
  readonly user_id: string
  readonly instants: number[]
  /** Messages bind the instants to the coach's answers: such a session is never sent from a wrong clock. */
  hasMessages: boolean
}

export type GoalChange = {
  readonly user_id: string
  readonly goal_id: string
  readonly at: number
  readonly change: 'created' | 'completed' | 'abandoned' | 'reopened'
  /** Of the member when the goal was opened (created or last reopened). */
  readonly plan: string
  readonly coach_id: string
}

export type HabitSchedule = { kind: 'weekdays'; days: number[] } | { kind: 'times_per_week'; times: number }

export type HabitRecord = {
  readonly user_id: string
  readonly habit_id: string
  /** In order; each holds from its local day on, of several on one day the last. */
  readonly schedules: { readonly day: LocalDay; readonly schedule: HabitSchedule }[]
  endedOn: LocalDay | null
  readonly checked: Set<LocalDay>
  readonly skipped: Set<LocalDay>
}

type MessageRecord = {
  readonly user_id: string
  readonly coach_id: string
  readonly sender: 'member' | 'coach' | 'ai'
  readonly at: number
}

export type NudgeRecord = {
  readonly user_id: string
  readonly nudge_id: string
  readonly persona: string
  at: number
  /** When the member opened it. */
  openedAt: number | null
}

export type SignUp = { readonly user_id: string; readonly at: number; readonly day: LocalDay }

export type Churn = {
  readonly user_id: string
  readonly causes: readonly ('fewer_checks' | 'unanswered_messages' | 'ignored_nudges')[]
  /** First day of the decline, and first day without any action. */
  readonly declines: LocalDay
  readonly silent: LocalDay
}

/** Everything that really happened. Truth is computed from this, never from the events that tell of it. */
export type Journal = {
  readonly events: TwinEvent[]
  readonly sessions: SessionRecord[]
  readonly signUps: SignUp[]
  readonly goals: GoalChange[]
  readonly habits: HabitRecord[]
  readonly messages: MessageRecord[]
  readonly nudges: NudgeRecord[]
  /** Instants of what counts as an answer to a nudge, in order, by member. */
  readonly engagements: Map<string, number[]>
  readonly ratings: { readonly at: number; readonly rating: number; readonly persona: string }[]
  readonly aiSessions: { readonly at: number; readonly persona: string }[]
  readonly moods: { readonly at: number; readonly score: number }[]
  readonly tasks: { readonly at: number }[]
  readonly churns: Churn[]
}

export type World = {
  readonly settings: TwinSettings
  readonly zone: Zone
  readonly firstDay: LocalDay
  readonly lastDay: LocalDay
  /** First instant after the last day: nothing happens from here on. */
  readonly end: number
  readonly journal: Journal
}

export function emptyJournal(): Journal {
  return {
    events: [],
    sessions: [],
    signUps: [],
    goals: [],
    habits: [],
    messages: [],
    nudges: [],
    engagements: new Map(),
    ratings: [],
    aiSessions: [],
    moods: [],
    tasks: [],
    churns: [],
  }
}
