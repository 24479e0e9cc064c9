import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The process that made a directory is part of its name: what a killed one left is found, since members' data are in it. */
const NAME = /^upcoach-(?:export|landing)-(\d+)-/

const own = new Set<string>()

/** Runs work in a directory of its own under the system's temporary one, of which nothing is left afterwards. */
export async function inScratchDirectory<T>(
  kind: 'export' | 'landing',
  work: (directory: string) => Promise<T>,
): Promise<T> {
  await removeAbandoned()
  const directory = await mkdtemp(join(tmpdir(), `upcoach-${kind}-${process.pid}-`))
  own.add(directory)
  try {
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
    own.delete(directory)
  }
}

/** Removes the directories of processes that have ended without doing so. Returns how many there were. */
export async function removeAbandoned(): Promise<number> {
  const names = await readdir(tmpdir())
  const abandoned = names.filter((name) => {
    const pid = NAME.exec(name)?.[1]
    return pid !== undefined && !isInUse(Number(pid), join(tmpdir(), name))
  })
  for (const name of abandoned) await rm(join(tmpdir(), name), { recursive: true, force: true })
  return abandoned.length
}

/** After a restart the number may be our own: containers number their processes from one. */
function isInUse(pid: number, directory: string): boolean {
  if (pid === process.pid) return own.has(directory)
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Any other error says that there is such a process.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
