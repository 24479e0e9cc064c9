/** One local day of the tenant. Counts unless said otherwise. */
export type TruthDay = {
  readonly day: string
  signups: number
  /** Tracked actions of members. */
  actions: number
  /** Distinct members with an action on the day, in the 7 and in the 30 days ending with it. */
  dau: number
  wau: number
  mau: number
  /** Sessions that started on the day. */
  sessions: number
  /** Gaps between consecutive actions of one session, each up to 5 minutes, on the day the gap starts. */
  active_seconds: number
  goals_created: number
  goals_completed: number
  goals_abandoned: number
  goals_reopened: number
  /** Open at the end of the day. */
  goals_open: number
  /** Habits on chosen weekdays only: times-per-week habits have no expected day. */
  habits_expected: number
  habits_done: number
  messages: number
  replies: number
  nudges_sent: number
  nudges_followed: number
  nudges_direct: number
  ai_sessions: number
  ratings: number
  rating_sum: number
  moods: number
  mood_sum: number
  tasks_completed: number
}

/** A day on which nothing happened. */
export function emptyDay(day: string): TruthDay {
  return {
    day,
    signups: 0,
    actions: 0,
    dau: 0,
    wau: 0,
    mau: 0,
    sessions: 0,
    active_seconds: 0,
    goals_created: 0,
    goals_completed: 0,
    goals_abandoned: 0,
    goals_reopened: 0,
    goals_open: 0,
    habits_expected: 0,
    habits_done: 0,
    messages: 0,
    replies: 0,
    nudges_sent: 0,
    nudges_followed: 0,
    nudges_direct: 0,
    ai_sessions: 0,
    ratings: 0,
    rating_sum: 0,
    moods: 0,
    mood_sum: 0,
    tasks_completed: 0,
  }
}
