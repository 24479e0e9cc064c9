import { realpath } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { type Database, type DatabaseOptions, openDatabase } from './database.ts'
import { DataDirInUse } from './embedded/lock.ts'
import { SOCKET_PORT, socketDirectory } from './embedded/socket-directory.ts'
import { types } from './types.ts'

/** How long a data directory may be locked by a process that does not answer yet (starting) or any more (stopping). */
const PATIENCE_MS = 30_000
const PAUSE_MS = 200
/** One command needs few connections, and each is one more client of the engine's single session. */
const POOL_SIZE = 2

export type AttachedDatabase = Database & {
  /** true: another process runs the engine (or the server is one of its own); closing leaves it running. */
  readonly attached: boolean
}

/**
 * The database for a command that may run beside the server: with the embedded engine, connects to the running engine
 * through its socket, or starts the engine when nobody does. Always closes what it opened and nothing else.
 */
export async function attachOrOpen(options: DatabaseOptions): Promise<AttachedDatabase> {
  if (options.DATABASE_URL)
    return { ...(await openDatabase({ ...options, DATABASE_POOL_SIZE: POOL_SIZE })), attached: true }
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const running = await attach(options)
    if (running) return running
    try {
      // No TCP port: it belongs to the server, which may start while this command runs.
      const { EMBEDDED_TCP_PORT: _, ...own } = options
      return { ...(await openDatabase({ ...own, DATABASE_POOL_SIZE: POOL_SIZE })), attached: false }
    } catch (error) {
      // Somebody took the data directory in between; its engine answers soon.
      if (!isInUse(error) || Date.now() > deadline) throw error
    }
    await wait(PAUSE_MS)
  }
}

/** The engine's child reports its error as text, so the class is lost on the way. */
const isInUse = (error: unknown): boolean =>
  error instanceof DataDirInUse || (error instanceof Error && /is in use by process/.test(error.message))

/** Connects to the engine that another process runs on this data directory; undefined when none answers. */
async function attach(options: DatabaseOptions): Promise<AttachedDatabase | undefined> {
  const dataDir = await realpath(options.dataDir).catch(() => undefined)
  if (dataDir === undefined) return undefined
  const connection: pg.ClientConfig = {
    host: socketDirectory(dataDir),
    port: SOCKET_PORT,
    user: 'postgres',
    database: 'postgres',
  }
  const pool = new pg.Pool({ ...connection, types, max: POOL_SIZE, application_name: 'upcoach-cli' })
  pool.on('error', (error) => options.onLog?.(`idle database connection lost: ${error.message}`, 'warn'))
  try {
    await pool.query('select 1')
  } catch {
    await pool.end()
    return undefined
  }
  return { kind: 'embedded', connection, pool, attached: true, available: () => true, close: () => pool.end() }
}
