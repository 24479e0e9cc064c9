import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from './platform.ts'
import { type Bench, CannotRun, spread, timed } from './rounds.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'

/** Goal 15. */
export const start: Bench = {
  name: 'start',
  title: 'npm ci and npm run demo in a clean copy, until the first KPIs are printed',
  async run({ rounds, log }) {
    const installs: number[] = []
    const totals: number[] = []
    for (let round = 1; round <= Math.min(rounds, 3); round += 1) {
      const directory = await mkdtemp(join(tmpdir(), 'upcoach-bench-start-'))
      try {
        await copyTracked(directory)
        const install = await timed(() => finished(npm, ['ci', '--no-audit', '--no-fund'], directory))
        const demo = await timed(() => firstKpis(directory))
        log(`round ${round}: npm ci ${(install / 1000).toFixed(0)} s, demo ${(demo / 1000).toFixed(0)} s`)
        installs.push(install / 1000)
        totals.push((install + demo) / 1000)
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    }
    return {
      ratios: [
        spread('npm ci and demo to the first KPIs', totals, { goal: 15, atMost: 120 }, 's'),
        spread('of which npm ci', installs, undefined, 's'),
      ],
      notes: [
        `embedded engine, a year of 40 members; packages come from npm's cache or the registry, whichever is there`,
      ],
    }
  },
}

/** What a clone would have. */
async function copyTracked(directory: string): Promise<void> {
  const listed = await promisify(execFile)('git', ['ls-files', '-z'], { cwd: root, maxBuffer: 64 * 1024 * 1024 }).catch(
    () => {
      throw new CannotRun('needs git and a checkout, to know which files a clone has')
    },
  )
  for (const file of listed.stdout.split('\0').filter(Boolean)) await cp(join(root, file), join(directory, file))
}

function plainEnvironment(extra: Readonly<Record<string, string>>): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env
  return { PATH, HOME, ...extra }
}

async function finished(command: string, args: readonly string[], cwd: string): Promise<void> {
  const child = spawn(command, args, { cwd, env: plainEnvironment({}), stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`)
}

/** Starts the demo, waits for the table of KPIs, and ends it as Ctrl-C would. */
async function firstKpis(cwd: string): Promise<void> {
  const child = spawn(npm, ['run', 'demo'], {
    cwd,
    env: plainEnvironment({ PORT: String(await freePort()) }),
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const ended = once(child, 'close')
  await new Promise<void>((resolve, reject) => {
    let output = ''
    child.stdout.on('data', (data) => {
      output += String(data)
      if (/KPIs \d+ s after the start/.test(output)) resolve()
    })
    void ended.then(() => reject(new Error(`the demo ended:\n${output}`)))
  })
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT')
  await ended
}
