import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

/** Port in the socket's name; on a Unix socket it is nothing more than a name. */
export const SOCKET_PORT = 5432

/** Linux takes 107 bytes for the path of a Unix socket, macOS 103. */
const MAX_SOCKET_PATH_BYTES = 100

export function socketPath(directory: string): string {
  return join(directory, `.s.PGSQL.${SOCKET_PORT}`)
}

/**
 * Where the engine's socket lives: `DATA_DIR/run`, or, where that path is too long for a socket, a directory of the same
 * owner under the system's temporary directory, named after the data directory.
 */
export function socketDirectory(dataDir: string): string {
  const inside = join(dataDir, 'run')
  if (Buffer.byteLength(socketPath(inside)) <= MAX_SOCKET_PATH_BYTES) return inside
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  return join(tmpdir(), `upcoach-${userInfo().uid}-${name}`)
}

/** Creates the directory, readable by its owner only; refuses one that somebody else prepared. */
export async function makeSocketDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const found = await lstat(directory)
  const { uid } = userInfo()
  if (!found.isDirectory() || (uid >= 0 && found.uid !== uid))
    throw new Error(`The socket directory ${directory} belongs to somebody else.`)
  await chmod(directory, 0o700)
}
