import { mappingSchema, type OltpMapping, type OltpMappingInput } from './mapping.ts'

const completedStates = ['completed', 'done', 'achieved']
const abandonedStates = ['abandoned', 'cancelled', 'canceled', 'archived']
const openStates = ['active', 'open', 'in_progress', 'not_started']

const schedule = { schedule: { days: 'days_of_week', times: 'times_per_week', frequency: 'frequency' } }
const plan = { plan: 'plan', coach_id: 'coach_id' }

const message = (overrides: object = {}) => ({
  user: 'user_id',
  events: [
    {
      type: 'message_sent',
      at: 'created_at',
      properties: {
        conversation_id: 'chat_id',
        sender: {
          column: 'sender_role',
          map: { user: 'member', client: 'member', assistant: 'ai', bot: 'ai', system: 'ai' },
        },
        length: { column: 'content', as: 'length' as const },
        coach_id: 'coach_id',
      },
    },
  ],
  ...overrides,
})

const users = {
  key: ['id'],
  user: 'id',
  events: [
    { type: 'signed_up', at: 'created_at', properties: { ...plan, signup_source: 'signup_source' } },
    { type: 'profile_changed', changed: ['plan', 'coach_id'], asserts: true, at: 'updated_at', properties: plan },
  ],
}

/**
 * The tables of `services/api`: goals, habits, habit checks, tasks, mood entries, chats with messages, users. A column
 * that a database does not have gives no property; a table that it does not have never comes.
 */
const tables: OltpMappingInput = {
  users,
  profiles: { ...users, key: ['user_id'], user: 'user_id', events: users.events.slice(1) },
  goals: {
    user: 'user_id',
    events: [
      {
        type: 'goal_created',
        at: 'created_at',
        properties: { goal_id: 'id', category: 'category', target_date: { column: 'target_date', as: 'date' } },
      },
      {
        type: 'goal_progressed',
        changed: ['progress'],
        at: 'updated_at',
        properties: { goal_id: 'id', progress: { column: 'progress', as: 'number', factor: 0.01 } },
      },
      {
        type: 'goal_completed',
        when: { status: completedStates },
        at: ['completed_at', 'updated_at'],
        properties: { goal_id: 'id' },
      },
      {
        type: 'goal_abandoned',
        when: { status: abandonedStates },
        at: ['abandoned_at', 'archived_at', 'updated_at'],
        properties: { goal_id: 'id' },
      },
      {
        type: 'goal_reopened',
        when: { status: openStates },
        was: { status: [...completedStates, ...abandonedStates] },
        at: 'updated_at',
        properties: { goal_id: 'id' },
      },
      // A goal that was reached stays reached when it is cleared away.
      {
        type: 'goal_abandoned',
        on: 'delete',
        when: { status: openStates },
        at: '$commit',
        properties: { goal_id: 'id' },
      },
    ],
  },
  habits: {
    user: 'user_id',
    events: [
      { type: 'habit_created', at: 'created_at', properties: { habit_id: 'id', schedule } },
      {
        type: 'habit_changed',
        changed: ['days_of_week', 'times_per_week', 'frequency'],
        asserts: true,
        at: 'updated_at',
        properties: { habit_id: 'id', schedule },
      },
      { type: 'habit_ended', at: ['ended_at', 'archived_at', 'deleted_at'], properties: { habit_id: 'id' } },
      { type: 'habit_ended', on: 'delete', at: '$commit', properties: { habit_id: 'id' } },
    ],
  },
  habit_checks: {
    user: 'user_id',
    events: [
      {
        type: 'habit_skipped',
        when: { status: ['skipped'] },
        at: ['checked_at', 'created_at'],
        properties: { habit_id: 'habit_id', for_date: { column: 'date', as: 'date' } },
      },
      {
        type: 'habit_checked',
        when: { status: ['done', 'completed', 'checked', ''] },
        at: ['checked_at', 'created_at'],
        properties: { habit_id: 'habit_id', for_date: { column: 'date', as: 'date' } },
      },
    ],
  },
  tasks: {
    user: 'user_id',
    events: [
      {
        type: 'task_completed',
        when: { status: completedStates },
        at: ['completed_at', 'updated_at'],
        properties: { task_id: 'id' },
      },
    ],
  },
  mood_entries: {
    user: 'user_id',
    events: [
      {
        type: 'mood_logged',
        at: ['logged_at', 'created_at'],
        properties: { score: { column: 'score', as: 'integer' } },
      },
    ],
  },
  chats: {
    user: 'user_id',
    events: [
      {
        type: 'ai_session_started',
        when: { kind: ['ai'] },
        at: 'created_at',
        properties: { ai_session_id: 'id', persona: 'persona' },
      },
      { type: 'ai_session_ended', when: { kind: ['ai'] }, at: 'ended_at', properties: { ai_session_id: 'id' } },
      {
        type: 'ai_session_rated',
        when: { kind: ['ai'] },
        at: 'rated_at',
        properties: { ai_session_id: 'id', rating: { column: 'rating', as: 'integer' } },
      },
    ],
  },
  chat_messages: message(),
  messages: message(),
}

export const defaultMapping: OltpMapping = mappingSchema.parse(tables)
