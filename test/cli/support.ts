import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { eventually } from '../support/eventually.ts'

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const commandPath = (name: string) => fileURLToPath(new URL(`../../cli/${name}.ts`, import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export type Environment = Readonly<Record<string, string>>

/** A clean environment: only what the test gives, and the way to the programs. */
function childEnvironment(given: Environment): Record<string, string> {
  const { PATH = '', HOME = '', DATABASE_URL } = process.env
  return { PATH, HOME, ...(DATABASE_URL === undefined ? {} : { DATABASE_URL }), LOG_LEVEL: 'warn', ...given }
}

/** Starts a command; the caller sees to its end. */
export function startCommand(name: string, args: readonly string[], environment: Environment): ChildProcess {
  return spawn(process.execPath, ['--import', tsx, commandPath(name), ...args], {
    env: childEnvironment(environment),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

/** Runs a command as `npm run <name> -- <args>` does and waits for its end. */
export async function runCommand(
  name: string,
  args: readonly string[],
  environment: Environment,
  stdin = '',
): Promise<Ended> {
  const child = startCommand(name, args, environment)
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (data: Buffer) => {
    stdout += data.toString()
  })
  child.stderr?.on('data', (data: Buffer) => {
    stderr += data.toString()
  })
  child.stdin?.end(stdin)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { code, stdout, stderr }
}

export interface RunningServer {
  readonly url: string
  readonly output: () => string
  readonly process: ChildProcess
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>
}

/** Starts a long-running command and resolves when it answers on its port. */
export async function startServer(
  name: 'start' | 'api' | 'demo',
  environment: Environment & { readonly PORT: string },
  args: readonly string[] = [],
): Promise<RunningServer> {
  const child = startCommand(name, args, environment)
  let output = ''
  child.stdout?.on('data', (data: Buffer) => {
    output += data.toString()
  })
  child.stderr?.on('data', (data: Buffer) => {
    output += data.toString()
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const url = `http://127.0.0.1:${environment.PORT}`
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${output}`)
    const answer = await fetch(`${url}/health/live`)
    if (!answer.ok) throw new Error(`not live: ${answer.status}`)
  }, 100_000)
  return {
    url,
    output: () => output,
    process: child,
    stop: () => {
      child.kill('SIGTERM')
      return ended
    },
  }
}

/** A port nobody listens on at the moment. */
export async function freePort(): Promise<string> {
  const { createServer } = await import('node:net')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return String(address.port)
}
