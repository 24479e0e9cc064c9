import { randomUUID } from 'node:crypto'
import { readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { socketDirectory, socketPath } from './socket-directory.ts'

export class DataDirInUse extends Error {
  readonly pid: number

  constructor(dataDir: string, pid: number) {
    super(
      `The data directory ${dataDir} is in use by process ${pid}. The embedded engine serves one process tree at a time: ` +
        'stop the other one, give this one another DATA_DIR, or set DATABASE_URL to use a TimescaleDB server.',
    )
    this.pid = pid
  }
}

interface Holder {
  readonly pid: number
  /** When the process was started, as the kernel counts it: tells a reused pid from the holder. Null where unknown. */
  readonly startedAt: string | null
  readonly nonce: string
}

export interface Lock {
  release(): Promise<void>
}

/** Time two processes need to see each other's take-over of a stale lock, in milliseconds. */
const SETTLE_MS = 50

/**
 * Takes `engine.lock` in the data directory. PostgreSQL's own advisory and pid-file checks do not work in WASM, and two
 * engines on one directory destroy it. A lock whose process is gone is taken over.
 *
 * @param patienceMs how long to wait for a holder that is just ending, for example after its parent was killed
 */
export async function takeLock(dataDir: string, patienceMs = 3000): Promise<Lock> {
  const path = join(dataDir, 'engine.lock')
  const mine: Holder = { pid: process.pid, startedAt: await startOf(process.pid), nonce: randomUUID() }
  const deadline = Date.now() + patienceMs
  for (;;) {
    if (await createExclusively(path, mine)) break
    const holder = await readHolder(path)
    if (holder && ((await isAlive(holder)) || (await isServed(socketPath(socketDirectory(dataDir)))))) {
      if (Date.now() > deadline) throw new DataDirInUse(dataDir, holder.pid)
      await wait(100)
      continue
    }
    await replace(path, mine)
    await wait(SETTLE_MS)
    if ((await readHolder(path))?.nonce === mine.nonce) break
  }
  return {
    async release() {
      if ((await readHolder(path))?.nonce === mine.nonce) await unlink(path)
    },
  }
}

async function createExclusively(path: string, holder: Holder): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(holder), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function replace(path: string, holder: Holder): Promise<void> {
  const temporary = `${path}.${holder.nonce}`
  await writeFile(temporary, JSON.stringify(holder), { mode: 0o600 })
  await rename(temporary, path)
}

/** Null for a lock that is gone or was cut short while it was written. */
async function readHolder(path: string): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder
  } catch {
    return null
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const startedAt = await startOf(holder.pid)
  return holder.startedAt === null || startedAt === null || startedAt === holder.startedAt
}

/** A process in another container shares no process ids with this one, but its socket can be reached through the directory. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/** Boot id and start time of a process, from /proc; null on other systems. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The command name in parentheses may hold blanks; field 22 (starttime) is the 20th after it.
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return started ? `${boot}/${started}` : null
  } catch {
    return null
  }
}
