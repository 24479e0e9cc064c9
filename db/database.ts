import pg from 'pg'
import { checkServer } from './check-server.ts'
import type { LogLevel } from './embedded/child-messages.ts'
import { startEngine } from './embedded/engine.ts'
import { surviveLostClients } from './lost-clients.ts'
import { types } from './types.ts'

/** An open database: one of two engines behind the same connection settings. */
export interface Database {
  readonly kind: 'embedded' | 'server'
  /** For whoever needs connections of its own (BullMQ, LISTEN, migrations). */
  readonly connection: pg.ClientConfig
  readonly pool: pg.Pool
  /** false while the embedded engine is down or restarting. */
  available(): boolean
  close(): Promise<void>
}

/** What happens to the engine or a connection: a restart is an `error`, though nobody needs to do anything. */
export type OnLog = (line: string, level: LogLevel) => void

/** What of the configuration decides which engine is used and how. */
export interface DatabaseOptions {
  readonly dataDir: string
  readonly DATABASE_URL?: string | undefined
  readonly DATABASE_POOL_SIZE: number
  readonly EMBEDDED_TCP_PORT?: number | undefined
  readonly onLog?: OnLog | undefined
}

/**
 * Opens the server named by DATABASE_URL, or starts the embedded engine under the data directory.
 * Throws one readable error when the server lacks something the platform needs.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  return options.DATABASE_URL ? openServer(options.DATABASE_URL, options) : openEmbedded(options)
}

function createPool(connection: pg.ClientConfig, max: number, onLog?: OnLog): pg.Pool {
  const pool = new pg.Pool({
    ...connection,
    types,
    max,
    application_name: 'upcoach-analytics',
    connectionTimeoutMillis: 20_000,
  })
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', (error) => onLog?.(`idle database connection lost: ${error.message}`, 'warn'))
  surviveLostClients(pool)
  return pool
}

async function openServer(url: string, options: DatabaseOptions): Promise<Database> {
  const connection: pg.ClientConfig = { connectionString: url }
  const pool = createPool(connection, options.DATABASE_POOL_SIZE, options.onLog)
  try {
    await checkServer(pool)
  } catch (error) {
    await pool.end()
    throw error
  }
  return { kind: 'server', connection, pool, available: () => true, close: () => pool.end() }
}

async function openEmbedded(options: DatabaseOptions): Promise<Database> {
  const engine = await startEngine({
    dataDir: options.dataDir,
    ...(options.EMBEDDED_TCP_PORT === undefined ? {} : { tcpPort: options.EMBEDDED_TCP_PORT }),
    ...(options.onLog === undefined ? {} : { onLog: options.onLog }),
  })
  const pool = createPool(engine.connection, options.DATABASE_POOL_SIZE, options.onLog)
  return {
    kind: 'embedded',
    connection: engine.connection,
    pool,
    available: () => engine.state === 'ready',
    async close() {
      await pool.end()
      await engine.stop()
    },
  }
}
