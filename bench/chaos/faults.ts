import { readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Random } from '../../sources/simulator/random.ts'
import type { System } from './system.ts'

/** Something that goes wrong, and how it ends. Resolves when the cause is gone; the platform need not be well again. */
export interface Fault {
  readonly name: string
  /** Why it cannot happen here; undefined: it can. */
  unavailable(system: System): string | undefined
  strike(system: System, random: Random): Promise<void>
}

/** As a process manager does it: killed, gone for a moment, started again. */
const killed = (name: string): Fault => ({
  name: `kill -9 of ${name}`,
  unavailable: ({ processes, kind }) =>
    processes.has(name) ? undefined : `${kind} engine: there is no process ${name}`,
  async strike({ processes }, random) {
    const process = processes.get(name)
    if (!process) return
    await process.kill()
    await wait(random.int(0, 400))
    await process.ensureReady()
  },
})

const ENGINE_BACK_MS = 60_000

/** Of the engine that runs: after another fault it may not be back yet. */
const enginePid = async (dataDir: string): Promise<number> => {
  const deadline = Date.now() + ENGINE_BACK_MS
  for (;;) {
    try {
      const { pid } = JSON.parse(await readFile(join(dataDir, 'engine.lock'), 'utf8')) as { pid: number }
      process.kill(pid, 0)
      return pid
    } catch (error) {
      if (Date.now() > deadline) throw error
      await wait(50)
    }
  }
}

/** The engine may end meanwhile, by a fault of another run. */
const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
const embeddedOnly = ({ kind }: System): string | undefined =>
  kind === 'embedded' ? undefined : 'the database server is not ours to harm'

const engineKilled: Fault = {
  name: 'kill -9 of the engine',
  unavailable: embeddedOnly,
  async strike({ dataDir }) {
    signal(await enginePid(dataDir), 'SIGKILL')
  },
}

/** What a slow disk looks like from outside: the engine does not answer for a while. */
const engineStalled: Fault = {
  name: 'engine stalls',
  unavailable: embeddedOnly,
  async strike({ dataDir }, random) {
    const pid = await enginePid(dataDir)
    signal(pid, 'SIGSTOP')
    try {
      await wait(random.int(300, 2_500))
    } finally {
      signal(pid, 'SIGCONT')
    }
  },
}

/** What a slow disk looks like from outside: everything the engine does takes many times as long. */
const engineSlow: Fault = {
  name: 'slow disk (engine stopped nine tenths of the time)',
  unavailable: embeddedOnly,
  async strike({ dataDir }, random) {
    const pid = await enginePid(dataDir)
    try {
      for (let burst = random.int(10, 30); burst > 0; burst--) {
        signal(pid, 'SIGSTOP')
        await wait(random.int(20, 160))
        signal(pid, 'SIGCONT')
        await wait(10)
      }
    } finally {
      signal(pid, 'SIGCONT')
    }
  },
}

/** The same for a server that is not ours to stop: every packet of it, or to it, takes its time. */
const databaseSlow: Fault = {
  name: 'slow database (every packet delayed)',
  unavailable: ({ wire }) => (wire ? undefined : 'the embedded engine is stopped and continued instead'),
  async strike({ wire }, random) {
    wire?.slowBy(random.int(5, 60))
    await wait(random.int(500, 2_500))
    wire?.slowBy(0)
  },
}

const databaseCut = (direction: 'request' | 'response'): Fault => ({
  name: `database connection cut in a ${direction}`,
  unavailable: ({ wire }) => (wire ? undefined : 'the embedded engine is reached through its own socket'),
  async strike({ wire }, random) {
    for (let cut = 0; cut < 3; cut++) {
      wire?.cutAfter(direction, random.int(1, 6_000))
      await wait(random.int(20, 250))
    }
  },
})

const connectionsLost: Fault = {
  name: 'database connections cut',
  unavailable: ({ kind }) => (kind === 'server' ? undefined : 'the embedded engine has one session'),
  async strike({ pool }) {
    await pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and application_name <> 'chaos' and backend_type = 'client backend'`,
    )
  },
}

const cutMid = (direction: 'request' | 'response'): Fault => ({
  name: `connection cut in a ${direction}`,
  unavailable: () => undefined,
  async strike({ proxy }, random) {
    for (let cut = 0; cut < 3; cut++) {
      proxy.cutAfter(direction, random.int(1, direction === 'request' ? 4_000 : 200))
      await wait(random.int(20, 150))
    }
  },
})

const clockJumps: Fault = {
  name: 'clock jumps',
  unavailable: ({ setClock }) => (setClock ? undefined : 'needs the Debian package faketime'),
  async strike({ setClock }, random) {
    const sign = random.chance(0.5) ? '+' : '-'
    await setClock?.(`${sign}${random.int(60, 10_800)}s`)
    await wait(random.int(200, 1_500))
    await setClock?.('+0')
  },
}

const FULL_DISK_MS = 1_500
/** Only on a small file system made for it: nobody's disk is filled up. */
const MOST_TO_FILL = 2 * 1024 ** 3

const diskFull: Fault = {
  name: 'disk full',
  unavailable: ({ kind, dataDir }) =>
    kind === 'embedded' && dataDir.startsWith('/dev/shm/')
      ? undefined
      : 'needs --data-dir on a small file system of its own under /dev/shm (mount -t tmpfs -o size=1g …)',
  async strike({ dataDir }, random) {
    const { bavail, bsize, blocks } = await statfs(dataDir)
    if (blocks * bsize > MOST_TO_FILL) throw new Error('the file system is too large to be filled up')
    const balloon = join(dataDir, 'balloon')
    try {
      await writeFile(balloon, Buffer.alloc(bavail * bsize)).catch(() => undefined)
      await wait(FULL_DISK_MS + random.int(0, 1_000))
    } finally {
      await rm(balloon, { force: true })
    }
  },
}

/** Everything that may go wrong. */
export const faults: readonly Fault[] = [
  killed('node'),
  killed('api'),
  killed('worker'),
  killed('redis'),
  engineKilled,
  engineStalled,
  engineSlow,
  databaseSlow,
  databaseCut('request'),
  databaseCut('response'),
  connectionsLost,
  cutMid('request'),
  cutMid('response'),
  clockJumps,
  diskFull,
]
