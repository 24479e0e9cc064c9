import { RealtimeClient } from '@supabase/realtime-js'
import WebSocket from 'ws'

export interface Table {
  readonly schema: string
  readonly name: string
}

export interface ConnectionOptions {
  /** Origin of the project, such as https://abc.supabase.co. */
  readonly url: string
  readonly key: string
  readonly token: () => Promise<string>
  readonly tables: readonly Table[]
  /** Channel whose broadcasts are events. `since` (ms): those that were missed are asked for again, of private channels. */
  readonly broadcast:
    | { readonly topic: string; readonly private: boolean; readonly since: number | undefined }
    | undefined
  readonly heartbeatSeconds: number
  readonly signal: AbortSignal
}

export type Incoming =
  | { readonly kind: 'change'; readonly payload: unknown }
  | { readonly kind: 'broadcast'; readonly payload: unknown; readonly receivedAt: number }

export interface Connection {
  /** Resolves when there is something to take, the connection is lost, the signal is aborted, or after `ms`. */
  wait(ms: number): Promise<void>
  take(most: number): Incoming[]
  /** Why nothing more will come. What came before can still be taken. */
  lost(): Error | undefined
  close(): void
}

/** Realtime answers the join before it reads the log; how long its word that it does is waited for. */
const LIVE_TIMEOUT_MS = 10_000
const JOIN_TIMEOUT_MS = 10_000
/** Changes that wait to be stored; past it the connection is given up and the rows are read from their tables. */
const MOST_WAITING = 20_000
/** Realtime replays at most as many. */
const REPLAY_LIMIT = 25
/** The client must not connect again by itself: a new connection begins with what was missed. */
const NEVER_MS = 2 ** 31 - 1

/** Connects and subscribes; resolves when the server says that changes are on their way from now on. */
export async function connect(options: ConnectionOptions): Promise<Connection> {
  const { url, key, token, tables, broadcast, heartbeatSeconds, signal } = options
  const waiting: Incoming[] = []
  let failure: Error | undefined
  let wake: () => void = () => undefined
  const fail = (error: Error) => {
    failure ??= error
    wake()
  }
  const push = (message: Incoming) => {
    if (waiting.length >= MOST_WAITING) return fail(new Error('changes come faster than they can be stored'))
    waiting.push(message)
    wake()
  }
  const client = new RealtimeClient(`${url.replace(/^http/, 'ws').replace(/\/$/, '')}/realtime/v1`, {
    transport: WebSocket as never,
    params: { apikey: key },
    accessToken: token,
    heartbeatIntervalMs: heartbeatSeconds * 1000,
    timeout: JOIN_TIMEOUT_MS,
    reconnectAfterMs: () => NEVER_MS,
    heartbeatCallback: (status) => {
      if (status === 'timeout' || status === 'error') fail(new Error(`heartbeat: ${status}`))
    },
  })

  const subscribed: Promise<void>[] = []
  const subscribe = (channel: ReturnType<typeof client.channel>) =>
    new Promise<void>((resolve) => {
      channel.subscribe((status, error) => {
        if (status === 'SUBSCRIBED') resolve()
        else fail(error ?? new Error(`the channel is ${status.toLowerCase()}`))
      })
    })
  // A token that is there before the first join is part of it.
  await client.setAuth()
  if (tables.length > 0) {
    const channel = client.channel('upcoach-analytics')
    for (const { schema, name } of tables)
      channel.on('postgres_changes', { event: '*', schema, table: name }, (payload) =>
        push({ kind: 'change', payload }),
      )
    const live = new Promise<void>((resolve) => {
      channel.on('system', {}, ({ extension, status, message }: Record<string, unknown>) => {
        if (status === 'error') fail(new Error(`Realtime: ${message}`))
        else if (extension === 'postgres_changes') resolve()
      })
    })
    subscribed.push(subscribe(channel).then(() => within(live, LIVE_TIMEOUT_MS)))
  }
  if (broadcast) {
    const replay = broadcast.since === undefined ? {} : { replay: { since: broadcast.since, limit: REPLAY_LIMIT } }
    const config = { private: broadcast.private, broadcast: broadcast.private ? replay : {} }
    const channel = client.channel(broadcast.topic, { config })
    channel.on('broadcast', { event: '*' }, (payload) => push({ kind: 'broadcast', payload, receivedAt: Date.now() }))
    subscribed.push(subscribe(channel))
  }

  const woken = (ms: number) =>
    new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done, { once: true })
      wake = done
      if (signal.aborted || failure) done()
    })
  const connection: Connection = {
    wait: async (ms) => (waiting.length > 0 ? undefined : woken(ms)),
    take: (most) => waiting.splice(0, most),
    lost: () => failure,
    close() {
      failure ??= new Error('closed')
      for (const channel of [...client.channels]) channel.teardown()
      void client.disconnect()
    },
  }
  const ready = Promise.all(subscribed)
  await Promise.race([ready, woken(2 * JOIN_TIMEOUT_MS + LIVE_TIMEOUT_MS)])
  return connection
}

async function within(promise: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([promise, late])
  clearTimeout(timer)
}
