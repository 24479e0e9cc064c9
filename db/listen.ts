import pg from 'pg'
import type { Database } from './database.ts'

/** Pause between two attempts to get a lost connection back. */
const RECONNECT_MS = 1000

export interface Subscription {
  close(): Promise<void>
}

/**
 * Hears NOTIFY on one channel through a connection of its own, for as long as the process lives. `onGap` is called when
 * the connection was lost and is back: whatever was announced meanwhile was not heard.
 */
export async function listen(
  database: Pick<Database, 'connection'>,
  channel: string,
  on: { readonly payload: (payload: string) => void; readonly gap: () => void },
): Promise<Subscription> {
  let client: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  const connect = async (): Promise<void> => {
    const next = new pg.Client({
      ...database.connection,
      application_name: `upcoach-listen-${channel}`,
      keepAlive: true,
    })
    next.on('notification', (message) => on.payload(message.payload ?? ''))
    // 'error' is followed by 'end'; without a listener it would end the process.
    next.on('error', () => undefined)
    next.on('end', reconnectLater)
    try {
      await next.connect()
      await next.query(`listen ${pg.escapeIdentifier(channel)}`)
    } catch (error) {
      next.off('end', reconnectLater)
      await next.end().catch(() => undefined)
      throw error
    }
    client = next
  }
  const reconnectLater = (): void => {
    client = undefined
    if (isClosed) return
    timer = setTimeout(() => {
      connect().then(on.gap, reconnectLater)
    }, RECONNECT_MS)
  }

  await connect()
  return {
    async close() {
      isClosed = true
      clearTimeout(timer)
      await client?.end()
    },
  }
}
