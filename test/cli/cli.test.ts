import { once } from 'node:events'
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { freePort, type RunningServer, runCommand, startCommand, startServer } from './support.ts'

const template = inject('template')

/**
 * Commands on one data directory, first without and then beside a running server. What is tested is how they share the
 * embedded engine, so there is nothing to run when the suite works on a server.
 */
describe.skipIf(template.kind === 'server')('the command line on the embedded engine', () => {
  let dataDir: string
  let environment: { DATA_DIR: string; PORT: string }
  let server: RunningServer | undefined

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'upcoach-cli-'))
    if (template.kind === 'embedded') await cp(template.dataDir, dataDir, { recursive: true })
    environment = { DATA_DIR: dataDir, PORT: await freePort() }
  })
  afterAll(async () => {
    await server?.stop()
    await rm(dataDir, { recursive: true, force: true })
  })

  const command = (name: string, args: readonly string[], stdin?: string) => runCommand(name, args, environment, stdin)
  const token = async (role: string) => (await command('token', ['--tenant', 'acme', '--role', role])).stdout.trim()

  it.each([
    'start',
    'demo',
    'api',
    'worker',
    'migrate',
    'token',
    'tenant',
    'replay',
    'import',
    'backfill',
    'quarantine',
  ])('npm run %s -- --help says how it is used and does nothing', async (name) => {
    const { code, stdout, stderr } = await command(name, ['--help'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain(`npm ${name === 'start' ? 'start' : 'run'}`)
  })

  it('a tenant is made, changed and shown while no server runs; a secret from standard input stays hidden', async () => {
    const created = await command('tenant', ['create', 'acme', '--timezone', 'Europe/Berlin', '--currency', 'EUR'])
    expect([created.code, created.stderr]).toEqual([0, ''])
    const set = await command(
      'tenant',
      ['set', 'acme', 'stripe_webhook_secret=-', 'feature.analytics_v2=true', 'retention_months=12'],
      'whsec_hidden\n',
    )
    expect([set.code, set.stderr]).toEqual([0, ''])
    const shown = await command('tenant', ['show', 'acme'])
    expect(shown.stdout).not.toContain('whsec_hidden')
    expect(JSON.parse(shown.stdout)).toMatchObject({
      slug: 'acme',
      timezone: 'Europe/Berlin',
      settings: { 'feature.analytics_v2': true, retention_months: 12 },
      secrets: { stripe_webhook_secret: expect.stringContaining('•') },
    })
  })

  it.each([
    ['token', ['--tenant', 'nobody', '--role', 'admin'], 1, /there is no tenant nobody/],
    ['token', ['--tenant', 'acme'], 2, /--role is missing/],
    ['token', ['--tenant', 'acme', '--role', 'coach'], 2, /--coach/],
    ['token', ['--tenant', 'acme', '--role', 'admin', '--ttl', 'long'], 2, /--ttl/],
    ['tenant', ['create', 'acme', '--timezone', 'Europe/Berlin', '--currency', 'EUR'], 1, /exists/],
    ['tenant', ['create', 'other', '--timezone', 'Berlin', '--currency', 'EUR'], 1, /time zone/],
    ['tenant', ['set', 'acme', 'colour=blue'], 1, /unknown key colour/],
    ['tenant', ['set', 'acme', 'pii_key=x'], 1, /pii_key/],
    ['replay', ['--tenant', 'acme', '--file', '/nowhere.ndjson'], 1, /nowhere/],
    ['replay', ['--unknown'], 2, /--unknown/],
    ['quarantine', ['delete'], 2, /list or replay/],
  ] as const)('%s %j ends with %i and one clear line', async (name, args, code, message) => {
    const ended = await command(name, args)
    expect(ended.code).toBe(code)
    expect(ended.stdout).toBe('')
    expect(ended.stderr.trim().split('\n')).toHaveLength(1)
    expect(ended.stderr).toMatch(message)
  })

  it('a token names tenant, role and coach, and nothing else is printed', async () => {
    const { stdout, stderr } = await command('token', [
      '--tenant',
      'acme',
      '--role',
      'coach',
      '--coach',
      'c1',
      '--ttl',
      '1h',
    ])
    expect(stderr).toBe('')
    expect(stdout.trim().split('\n')).toHaveLength(1)
    const claims = decodeJwt(stdout.trim())
    expect(claims).toMatchObject({ role: 'coach', coach_id: 'c1', sub: 'cli:coach' })
    expect(Number(claims.exp) - Number(claims.iat)).toBe(3600)
  })

  it('the generated secrets are readable by their owner only', async () => {
    expect((await stat(join(dataDir, 'secrets.json'))).mode & 0o077).toBe(0)
  })

  const events = Array.from({ length: 1200 }, (_, i) => ({
    event_id: `r-${i}`,
    type: 'screen_viewed',
    occurred_at: new Date(Date.UTC(2026, 0, 1) + i * 60_000 * 60).toISOString(),
    user_id: `m${i % 7}`,
    properties: { screen: 'home' },
  }))

  it('replay without a server starts its own, counts everything once, and a second run changes no number', async () => {
    const file = join(dataDir, 'events.ndjson')
    await writeFile(file, `${events.map((event) => JSON.stringify(event)).join('\n')}\nnot json\n`)
    const first = await command('replay', ['--tenant', 'acme', '--file', file])
    expect(first.code, first.stderr).toBe(0)
    expect(first.stdout).toContain('1201 records: 1200 accepted, 0 duplicates, 1 rejected')
    expect(await readdir(join(dataDir, 'replay'))).toEqual([])
    const second = await command('replay', ['--tenant', 'acme', '--file', file])
    expect(second.stdout).toContain('1201 records: 0 accepted, 1200 duplicates, 1 rejected')
  })

  it('start answers and is ready', async () => {
    server = await startServer('start', environment)
    const ready = await fetch(`${server.url}/health/ready`)
    expect(await ready.json()).toMatchObject({ status: 'ready' })
    expect(ready.status).toBe(200)
  })

  it('token, tenant and quarantine work beside the running server', async () => {
    expect(decodeJwt(await token('admin'))).toMatchObject({ role: 'admin' })
    expect((await command('tenant', ['list'])).stdout).toBe('acme\n')
    const listed = await command('quarantine', ['list', '--tenant', 'acme'])
    expect(listed.stdout).toContain('1 in quarantine')
  })

  it('an event posted now is in the hourly metric within 2 seconds, in the daily one too', async () => {
    if (!server) throw new Error('the server did not start')
    const { url } = server
    const [service, admin] = [await token('service'), await token('admin')]
    const started = Date.now()
    const posted = await fetch(`${url}/api/analytics/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${service}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        events: [
          {
            event_id: 'now-1',
            type: 'screen_viewed',
            occurred_at: new Date().toISOString(),
            user_id: 'fresh',
            properties: { screen: 'home' },
          },
        ],
      }),
    })
    expect(await posted.json()).toMatchObject({ accepted: 1 })
    for (const granularity of ['hour', 'day']) {
      await eventually(async () => {
        const answer = await fetch(`${url}/api/analytics/metrics/active_members?granularity=${granularity}`, {
          headers: { authorization: `Bearer ${admin}` },
        })
        const { series } = (await answer.json()) as { series: { points: { value: number }[] }[] }
        expect(series[0]?.points.at(granularity === 'hour' ? -1 : -1)?.value ?? 0).toBeGreaterThan(0)
      }, 10_000)
    }
    // 2 s on a machine that is not busy with anything else; 10 s is the promise.
    expect(Date.now() - started).toBeLessThan(10_000)
  })

  it('a CSV is tried out, imported with its good rows, and imported again when it is corrected', async () => {
    const file = join(dataDir, 'table.csv')
    const map = join(dataDir, 'table.json')
    const fields = { type: { value: 'screen_viewed' }, user_id: 'Member', properties: { screen: 'Screen' } }
    const occurred_at = { column: 'When', format: 'local' }
    await writeFile(map, JSON.stringify({ timezone: 'Europe/Berlin', event_id: 'Id', occurred_at, ...fields }))
    const rows = [
      'Id,When,Member,Screen',
      'i-1,2026-02-01 10:00,m-1,home',
      'i-2,soon,m-2,home',
      'i-3,2026-02-01 10:05,m-1,goals',
    ]
    await writeFile(file, rows.join('\r\n'))
    const call = ['csv', '--tenant', 'acme', '--file', file, '--map', map]
    const tried = await command('import', [...call, '--dry-run'])
    expect(tried.code).toBe(1)
    expect(tried.stderr).toMatch(/^line 3: occurred_at \(column "When"\): /)
    expect(tried.stdout).toContain('3 rows: 2 would be taken, 1 rejected. Nothing was stored.')
    const imported = await command('import', call)
    expect(imported.code, imported.stderr).toBe(1)
    expect(imported.stderr).toContain(tried.stderr)
    expect(imported.stdout).toContain('3 rows: 2 accepted, 0 duplicates, 1 rejected')
    await writeFile(file, rows.join('\r\n').replace('soon', '2026-02-01 10:01'))
    const corrected = await command('import', call)
    expect(corrected.code, corrected.stderr).toBe(0)
    expect(corrected.stdout).toContain('3 rows: 1 accepted, 2 duplicates, 0 rejected')
  })

  it('replay of a CSV with a mapping goes through the running server', async () => {
    const file = join(dataDir, 'old.csv')
    const map = join(dataDir, 'mapping.json')
    const rows = [
      'id,when,who,what',
      'c-1,1767225600,anna,Login',
      'c-2,1767229200,ben,Login',
      'c-3,1767229200,"carl, c",Login',
    ]
    await writeFile(file, rows.join('\n'))
    await writeFile(
      map,
      JSON.stringify({
        event_id: 'id',
        type: { value: 'action' },
        occurred_at: { column: 'when', format: 'unix_seconds' },
        user_id: 'who',
        properties: { name: { column: 'what', map: { Login: 'login' } } },
      }),
    )
    const ended = await command('replay', ['--tenant', 'acme', '--file', file, '--map', map])
    expect(ended.code, ended.stderr).toBe(0)
    expect(ended.stdout).toContain('3 records: 2 accepted, 0 duplicates, 1 rejected')
    expect(ended.stderr).toMatch(/line 4: user_id \(column "who"\)/)
  })

  it('a replay that is killed goes on where it was, and nothing counts twice', async () => {
    const file = join(dataDir, 'long.ndjson')
    const many = Array.from({ length: 3000 }, (_, i) => ({ ...events[i % 1200], event_id: `long-${i}` }))
    await writeFile(file, many.map((event) => JSON.stringify(event)).join('\n'))
    const call = ['--tenant', 'acme', '--file', file]
    const killed = startCommand('replay', [...call, '--rate', '1000'], environment)
    const ended = once(killed, 'close')
    await eventually(async () => {
      const [state = ''] = await readdir(join(dataDir, 'replay'))
      const { records } = JSON.parse(await readFile(join(dataDir, 'replay', state), 'utf8')) as { records: number }
      expect(records).toBeGreaterThanOrEqual(1500)
    }, 60_000)
    killed.kill('SIGKILL')
    await ended
    const resumed = await command('replay', call)
    expect(resumed.code, resumed.stderr).toBe(0)
    const totals = /3000 records: (\d+) accepted, (\d+) duplicates, 0 rejected/
      .exec(resumed.stdout)
      ?.slice(1)
      .map(Number)
    const [accepted = 0, duplicates = 0] = totals ?? []
    expect(accepted + duplicates).toBe(3000)
    // Only what was under way is sent again: from the beginning it would be 1,500 and more.
    expect(duplicates).toBeLessThanOrEqual(1000)
    expect(await readdir(join(dataDir, 'replay'))).toEqual([])
  })

  it('quarantine replay keeps what is still wrong', async () => {
    const ended = await command('quarantine', ['replay', '--tenant', 'acme'])
    expect(ended.stdout).toContain('0 accepted, 0 duplicates, 3 still rejected')
  })

  it('jobs and policies are visible in /metrics', async () => {
    const text = await (await fetch(`${server?.url}/metrics`)).text()
    expect(text).toMatch(/upcoach_job_failures_total\{job="fold-ledgers"\} 0/)
    expect(text).toMatch(/upcoach_policy_lag_seconds\{policy="1000 /)
    expect(text).toMatch(/upcoach_queue_jobs\{queue="ledgers",state="failed"\} 0/)
  })

  it('SIGTERM amid work ends the server with 0 and leaves the data directory free', async () => {
    const body = JSON.stringify({ events: events.map((event, i) => ({ ...event, event_id: `last-${i}` })) })
    const headers = { authorization: `Bearer ${await token('service')}`, 'content-type': 'application/json' }
    const posted = await fetch(`${server?.url}/api/analytics/events`, { method: 'POST', headers, body })
    expect(await posted.json()).toMatchObject({ accepted: 1200 })
    expect(await server?.stop()).toBe(0)
    server = undefined
    expect((await readdir(dataDir)).includes('engine.lock')).toBe(false)
    expect(JSON.parse(await readFile(join(dataDir, 'secrets.json'), 'utf8'))).toHaveProperty('jwt_secret')
  })
})
