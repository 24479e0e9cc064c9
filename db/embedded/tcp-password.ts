import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Password for the loopback port, generated once into `DATA_DIR/tcp-password` (owner-only). The Unix socket is guarded by its
 * directory; a port is open to every user of the machine, and every connection is a superuser's.
 */
export async function tcpPassword(dataDir: string): Promise<string> {
  const path = join(dataDir, 'tcp-password')
  try {
    await writeFile(path, `${randomBytes(24).toString('base64url')}\n`, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return (await readFile(path, 'utf8')).trim()
}
