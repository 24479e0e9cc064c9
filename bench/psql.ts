import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { CannotRun } from './rounds.ts'

/** A psql that stays connected, so that its start is in no measurement. */
export interface Psql {
  /** Sends commands and resolves when the last one is done. Throws on an SQL error. */
  run(commands: string): Promise<void>
  close(): Promise<void>
}

const install = 'Debian: apt-get install postgresql-client (psql) and postgresql-contrib or postgresql (pgbench)'

export async function openPsql(url: string): Promise<Psql> {
  const child = spawn('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', url], { stdio: ['pipe', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (data) => {
    errors += String(data)
  })
  await Promise.race([
    once(child, 'spawn'),
    once(child, 'error').then(() => {
      throw new CannotRun(`needs psql. ${install}`)
    }),
  ])
  let n = 0
  return {
    async run(commands) {
      n += 1
      const mark = `done ${n}`
      const done = new Promise<void>((resolve, reject) => {
        let seen = ''
        const read = (data: Buffer) => {
          seen += String(data)
          if (seen.includes(mark)) end(resolve)
        }
        const ended = () => end(() => reject(new Error(`psql failed: ${errors}`)))
        const end = (settle: () => void) => {
          child.stdout.off('data', read)
          child.off('close', ended)
          settle()
        }
        child.stdout.on('data', read)
        child.on('close', ended)
      })
      child.stdin.write(`${commands}\n\\echo ${mark}\n`)
      await done
    },
    async close() {
      child.stdin.end()
      if (child.exitCode === null) await once(child, 'close')
    },
  }
}

/** Runs pgbench and returns what it printed. */
export async function pgbench(args: readonly string[]): Promise<string> {
  const child = spawn('pgbench', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (data) => {
    output += String(data)
  })
  child.stderr.on('data', (data) => {
    output += String(data)
  })
  const [code] = await Promise.race([
    once(child, 'close'),
    once(child, 'error').then(() => {
      throw new CannotRun(`needs pgbench. ${install}`)
    }),
  ])
  if (code !== 0) throw new Error(`pgbench failed: ${output}`)
  return output
}
