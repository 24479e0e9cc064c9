import type { EventType } from './event-type.ts'
import { action } from './events/action.ts'
import { aiSessionEnded } from './events/ai-session-ended.ts'
import { aiSessionRated } from './events/ai-session-rated.ts'
import { aiSessionStarted } from './events/ai-session-started.ts'
import { goalAbandoned } from './events/goal-abandoned.ts'
import { goalCompleted } from './events/goal-completed.ts'
import { goalCreated } from './events/goal-created.ts'
import { goalProgressed } from './events/goal-progressed.ts'
import { goalReopened } from './events/goal-reopened.ts'
import { habitChanged } from './events/habit-changed.ts'
import { habitChecked } from './events/habit-checked.ts'
import { habitCreated } from './events/habit-created.ts'
import { habitEnded } from './events/habit-ended.ts'
import { habitSkipped } from './events/habit-skipped.ts'
import { messageSent } from './events/message-sent.ts'
import { moodLogged } from './events/mood-logged.ts'
import { nudgeActed } from './events/nudge-acted.ts'
import { nudgeOpened } from './events/nudge-opened.ts'
import { nudgeSent } from './events/nudge-sent.ts'
import { profileChanged } from './events/profile-changed.ts'
import { screenViewed } from './events/screen-viewed.ts'
import { sessionEnded } from './events/session-ended.ts'
import { sessionHeartbeat } from './events/session-heartbeat.ts'
import { sessionStarted } from './events/session-started.ts'
import { signedUp } from './events/signed-up.ts'
import { taskCompleted } from './events/task-completed.ts'

export type { EventType } from './event-type.ts'

/** Every event type the platform takes. A type that is not listed here does not exist. */
export const eventCatalog: readonly EventType[] = [
  signedUp,
  profileChanged,
  sessionStarted,
  sessionHeartbeat,
  sessionEnded,
  screenViewed,
  goalCreated,
  goalProgressed,
  goalCompleted,
  goalAbandoned,
  goalReopened,
  habitCreated,
  habitChanged,
  habitEnded,
  habitChecked,
  habitSkipped,
  taskCompleted,
  moodLogged,
  messageSent,
  aiSessionStarted,
  aiSessionEnded,
  aiSessionRated,
  nudgeSent,
  nudgeOpened,
  nudgeActed,
  action,
]

const byType: ReadonlyMap<string, EventType> = new Map(eventCatalog.map((event) => [event.type, event]))

export function findEventType(type: string): EventType | undefined {
  return byType.get(type)
}
