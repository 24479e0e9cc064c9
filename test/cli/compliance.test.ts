import { randomBytes } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { acceptEvents } from '../../db/accept-events.ts'
import { requestErasure } from '../../db/erasure/request.ts'
import { piiKey } from '../../db/secrets.ts'
import type { Tenant } from '../../db/tenant.ts'
import { updateTenant } from '../../db/tenant-settings.ts'
import { openPlatform, type Platform } from '../support/platform.ts'
import { type Ended, runCommand } from './support.ts'

/** The operator's commands for landing zone, retention and keys, beside a running platform on either engine. */

const DAY = 86_400_000
const day = (back: number): string => new Date(Date.now() - back * DAY).toISOString().slice(0, 10)
const OLD = 760

let platform: Platform
let tenant: Tenant
let environment: Record<string, string>

const event = (id: string, at: string, more: Record<string, unknown> = {}) => ({
  event_id: id,
  type: 'screen_viewed',
  occurred_at: `${at}T10:00:00Z`,
  user_id: 'member-1',
  properties: { screen: 'home', ...more },
})

beforeAll(async () => {
  platform = await openPlatform()
  tenant = await platform.createTenant({ slug: 'acme', settings: { retention_months: 60 } })
  await platform.send(
    tenant,
    [OLD + 1, OLD, 20, 19].flatMap((back) => [event(`a-${back}`, day(back)), event(`b-${back}`, day(back))]),
  )
  await platform.settle()
  tenant = await updateTenant(platform.db.pool, 'acme', { settings: { retention_months: 24 } })
  environment = {
    DATA_DIR: platform.db.dataDir,
    MASTER_KEY: platform.masterKey.toString('base64'),
    ...(platform.db.url ? { DATABASE_URL: platform.db.url } : {}),
  }
}, 120_000)
afterAll(() => platform.close())

const command = (name: string, ...args: string[]): Promise<Ended> => runCommand(name, args, environment)
const lines = ({ stdout }: Ended) => stdout.trim().split('\n')

describe('npm run retention and landing', () => {
  it('a day that is past the retention is shown, and stays until it has landed', async () => {
    const planned = await command('retention', 'plan')
    expect([planned.code, planned.stderr]).toEqual([0, ''])
    expect(lines(planned).slice(0, 2)).toEqual([
      `${day(OLD + 1)}  acme  2 events  stays: not landed`,
      `${day(OLD)}  acme  2 events  stays: not landed`,
    ])
    expect(planned.stdout).toContain(`days before ${day(OLD + 1)} go; it waits for its landing copy`)
    const ran = await command('retention', 'run')
    expect(ran.stdout.trim()).toBe('0 days of tenants dropped, 2 wait')
    const asJson = JSON.parse((await command('retention', 'plan', '--json')).stdout) as Record<string, unknown>
    expect(asJson).toMatchObject({
      require_landing: true,
      dropped_before: null,
      days: [{ tenant: 'acme', rows: 2 }, {}],
    })
  }, 60_000)

  it('what has landed is listed and verified; a changed, a missing and a foreign file are found and named', async () => {
    const landed = await command('landing', 'run')
    expect(landed.code, landed.stderr).toBe(0)
    expect(landed.stdout).toMatch(/acme: \d+ files, \d+ rows/)
    const listed = lines(await command('landing', 'list', '--json')).map((line) => JSON.parse(line))
    expect(listed.filter(({ dataset }) => dataset === 'events')).toHaveLength(4)
    const good = await command('landing', 'verify', '--tenant', 'acme', '--deep')
    expect([good.code, good.stdout.trim(), good.stderr]).toEqual([0, 'acme: all as it should be', ''])

    const directory = join(platform.db.dataDir, 'objects', 'landing', 'tenant=acme')
    const path = join(directory, 'events', `date=${day(20)}`, 'events.parquet')
    const bytes = await readFile(path)
    // A byte of the data, not of what DuckDB checks.
    const changed = Buffer.from(bytes)
    changed.writeUInt8((changed[40] ?? 0) ^ 1, 40)
    await writeFile(path, changed)
    const found = await command('landing', 'verify')
    expect(found.code).toBe(1)
    expect(found.stdout).toContain(`landing/tenant=acme/events/date=${day(20)}/events.parquet: `)
    expect(found.stderr).toMatch(/^error: \d+ differences\n$/)

    await rm(path)
    await writeFile(join(directory, 'stranger.txt'), 'x')
    const missing = await command('landing', 'verify')
    expect(missing.code).toBe(1)
    expect(missing.stdout).toContain(`date=${day(20)}/events.parquet: `)
    expect(missing.stdout).toContain('stranger.txt: no file of the books')
    await rm(join(directory, 'stranger.txt'))
    // What is not as it should be lands again.
    expect((await command('landing', 'run', '--tenant', 'acme')).stdout).toContain('acme: 1 files, 2 rows')
    expect((await command('landing', 'verify', '--deep')).code).toBe(0)
    for (const args of [['nonsense'], ['verify', 'more'], []])
      expect((await command('landing', ...args)).code, args.join(' ')).toBe(2)
    expect((await command('landing', 'verify', '--tenant', 'nobody')).stderr).toMatch(/^error: .*nobody/)
  }, 120_000)

  it('a day that has landed goes, with a proof in the audit log', async () => {
    const planned = await command('retention', 'plan')
    expect(lines(planned).slice(0, 2)).toEqual([
      `${day(OLD + 1)}  acme  2 events  goes: landed and verified`,
      `${day(OLD)}  acme  2 events  goes: landed and verified`,
    ])
    expect(planned.stdout).toContain('all of them go')
    expect((await command('retention', 'run')).stdout.trim()).toBe('2 days of tenants dropped, 0 wait')
    const { body } = await platform.get<{ entries: { parameters: Record<string, unknown> }[] }>(
      tenant,
      '/api/analytics/audit?action=retention.dropped',
    )
    expect(body.entries.map(({ parameters }) => parameters.day).sort()).toEqual([day(OLD + 1), day(OLD)])
    expect(body.entries[0]?.parameters).toMatchObject({
      rows: 2,
      verified: true,
      sha256: expect.stringMatching(/^\w{64}$/),
    })
    const after = await command('retention', 'plan')
    expect(after.stdout).toContain('nothing to drop')
    expect((await command('retention', 'require-landing', 'off')).stdout).toContain('without a landing copy')
    expect((await command('retention', 'require-landing', 'on')).stdout).toContain('wait for their landing copy')
    const switched = await platform.get<{ entries: unknown[] }>(
      tenant,
      '/api/analytics/audit?action=retention.require_landing',
    )
    expect(switched.body.entries).toHaveLength(2)
    for (const args of [['nonsense'], ['require-landing'], ['plan', 'more']])
      expect((await command('retention', ...args)).code, args.join(' ')).toBe(2)
  }, 120_000)
})

describe('npm run tenant', () => {
  const intake = async () => ({ tenant, piiKey: await piiKey(platform.db.pool, platform.masterKey, tenant.id) })
  const pseudonym = async (id: string): Promise<string | undefined> => {
    const events = [event(id, day(5), { email: 'ada@example.com' })]
    expect(await acceptEvents(platform.db.pool, await intake(), { events })).toMatchObject({ accepted: 1 })
    const { rows } = await platform.db.pool.query<{ email: string }>(
      `select properties ->> 'email' as email from analytics.events where event_id = $1`,
      [id],
    )
    return rows[0]?.email
  }

  it('-- rotate-pii-key gives new values another pseudonym and still recognises who was erased', async () => {
    const by = { actor: 'ops', requestId: 'r-1' }
    const before = await pseudonym('p-1')
    expect(await pseudonym('p-2')).toBe(before)
    await requestErasure(platform.db.pool, await intake(), 'gone-17', by)
    for (const round of [1, 2]) {
      const rotated = await command('tenant', 'rotate-pii-key', 'acme')
      expect([rotated.code, rotated.stderr]).toEqual([0, ''])
      const after = await pseudonym(`q-${round}`)
      expect(after).toMatch(/^hmac:[0-9a-f]{32}$/)
      expect(after).not.toBe(before)
      const events = [{ ...event(`g-${round}`, day(5)), user_id: 'gone-17' }]
      expect(await acceptEvents(platform.db.pool, await intake(), { events })).toMatchObject({
        accepted: 0,
        errors: [{ code: 'member_erased' }],
      })
    }
    expect((await command('tenant', 'rotate-pii-key', 'nobody')).code).toBe(1)
  }, 60_000)

  it('-- rotate-master-key moves every secret; afterwards the old key is needed no more', async () => {
    const alone = await command('tenant', 'rotate-master-key')
    expect([alone.code, alone.stderr]).toEqual([1, 'error: set MASTER_KEY_PREVIOUS to the key before MASTER_KEY\n'])
    const fresh = randomBytes(32)
    const old = environment
    environment = { ...old, MASTER_KEY: fresh.toString('base64'), MASTER_KEY_PREVIOUS: old.MASTER_KEY ?? '' }
    const moved = await command('tenant', 'rotate-master-key')
    expect(moved.code, moved.stderr).toBe(0)
    expect(moved.stdout).toMatch(/^(\d+) secrets, \1 of them were/)
    expect((await command('tenant', 'rotate-master-key')).stdout).toMatch(/, 0 of them/)
    expect((await piiKey(platform.db.pool, fresh, tenant.id)).length).toBeGreaterThanOrEqual(32)
    await expect(piiKey(platform.db.pool, platform.masterKey, tenant.id)).rejects.toThrow(/another MASTER_KEY/)
    environment = old
  }, 60_000)
})
