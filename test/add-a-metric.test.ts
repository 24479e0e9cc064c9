import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { signToken } from '../api/security/tokens.ts'
import { openDatabase } from '../db/database.ts'
import { createTenant, type Tenant } from '../db/tenant.ts'
import { freePort } from './cli/support.ts'
import { openTestDatabase, type TestDatabase } from './support/database.ts'
import { eventually } from './support/eventually.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const JWT_SECRET = 'a secret for tests only, thirty-two bytes and more'
/** What a change of the catalogue must not touch: everything else is copied. */
const notCopied = new Set(['node_modules', '.git', '.data', 'test', 'web', 'docs', 'dist', 'coverage'])

let scratch: string
let database: TestDatabase | undefined
let tenant: Tenant
let server: ChildProcess | undefined
let url: string

/** The example of CONTRIBUTING.md, word for word: its SQL and its TypeScript. */
async function example(language: string): Promise<string> {
  const text = await readFile(join(root, 'CONTRIBUTING.md'), 'utf8')
  const [, block = ''] = new RegExp(`^ {3}\`\`\`${language}\\n([\\s\\S]*?)^ {3}\`\`\``, 'm').exec(text) ?? []
  return block.replace(/^ {3}/gm, '')
}

const run = (file: string, environment: Record<string, string>) =>
  spawn(process.execPath, ['--import', tsx, join(scratch, file)], {
    cwd: scratch,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', LOG_LEVEL: 'warn', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'upcoach-scratch-'))
  for (const name of await readdir(root))
    if (!notCopied.has(name)) await cp(join(root, name), join(scratch, name), { recursive: true })
  await symlink(join(root, 'node_modules'), join(scratch, 'node_modules'))

  // one .sql, one .ts, one line
  await writeFile(join(scratch, 'metrics/abandoned-goals.sql'), await example('sql'))
  await writeFile(join(scratch, 'metrics/abandoned-goals.ts'), await example('ts'))
  const catalog = join(scratch, 'metrics/catalog.ts')
  const lines = await readFile(catalog, 'utf8')
  await writeFile(
    catalog,
    `import { abandonedGoals } from './abandoned-goals.ts'\n${lines.replace(/(metrics: readonly Metric\[\] = \[)/, '$1\n  abandonedGoals,')}`,
  )

  database = await openTestDatabase()
  tenant = await createTenant(database.pool, { slug: 'acme', timezone: 'UTC', currency: 'USD' })
  const dataDir = join(scratch, '.data')
  const template = inject('template')
  if (template.kind === 'embedded') {
    // one process tree at a time: the server opens a copy of what was written
    await cp(template.dataDir, dataDir, { recursive: true })
    const copy = await openDatabase({ dataDir, DATABASE_POOL_SIZE: 1 })
    tenant = await createTenant(copy.pool, { slug: 'acme', timezone: 'UTC', currency: 'USD' })
    await copy.close()
  }
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  const started = run('cli/start.ts', {
    ...(database.url === undefined ? {} : { DATABASE_URL: database.url }),
    DATA_DIR: dataDir,
    PORT: port,
    JWT_SECRET,
    MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
  })
  server = started
  let output = ''
  started.stderr?.on('data', (data: Buffer) => {
    output += data.toString()
  })
  await eventually(async () => {
    if (started.exitCode !== null) throw new Error(`the API ended: ${output}`)
    expect((await fetch(`${url}/health/live`)).ok).toBe(true)
  }, 100_000)
})
afterAll(async () => {
  const ended = new Promise((resolve) => server?.once('close', resolve))
  if (server?.kill('SIGTERM')) await ended
  await database?.close()
  await rm(scratch, { recursive: true, force: true })
})

async function get(path: string, accept = 'application/json'): Promise<string> {
  const token = await signToken(
    { sub: 'admin@test', tenantId: tenant.id, role: 'admin', coachId: undefined, ttl: '10m' },
    { secret: new TextEncoder().encode(JWT_SECRET) },
  )
  const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}`, accept } })
  const text = await answer.text()
  expect(answer.status, text).toBe(200)
  return text
}

test('the example is in the API’s catalogue, OpenAPI and answers, as JSON and CSV', async () => {
  const { metrics } = JSON.parse(await get('/api/analytics/metrics')) as { metrics: { name: string }[] }
  expect(metrics).toContainEqual(expect.objectContaining({ name: 'abandoned_goals', unit: { kind: 'count' } }))
  expect(await get('/documentation/json')).toContain('abandoned_goals')
  const path = '/api/analytics/metrics/abandoned_goals?from=2026-01-01&to=2026-02-01&granularity=week'
  const answer = JSON.parse(await get(`${path}&compare=previous_period`))
  expect(answer.metric).toMatchObject({ name: 'abandoned_goals', title: 'Abandoned goals' })
  expect(answer.series[0].points).toHaveLength(5)
  expect(answer.series[0].points[0]).toEqual({ t: '2025-12-29', value: 0 })
  expect(JSON.parse(await get(`${path}&group_by=plan&filter[coach]=c1`)).series).toEqual([])
  expect(await get(path, 'text/csv')).toMatch(/^t,value,numerator,denominator,partial\r\n2025-12-29,0,/)
})

test('and in the dashboards that the Grafana build writes', async () => {
  const build = run('grafana/build.ts', {})
  let errors = ''
  build.stderr?.on('data', (data: Buffer) => {
    errors += data.toString()
  })
  expect(await new Promise((resolve) => build.once('close', resolve)), errors).toBe(0)
  const files = await readdir(join(scratch, 'grafana/provisioning'), { recursive: true })
  const dashboards = await Promise.all(
    files
      .filter((name) => name.endsWith('.json'))
      .map((name) => readFile(join(scratch, 'grafana/provisioning', name), 'utf8')),
  )
  expect(dashboards.length).toBeGreaterThan(0)
  const [holding] = dashboards.filter((text) => text.includes('Abandoned goals'))
  expect(holding ?? '').toContain('goals_daily')
  expect(holding ?? '').toContain('sum(abandoned)')
}, 60_000)
