import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { listQuarantine, replayQuarantine } from '../../../db/quarantine.ts'
import { piiKey, writeSecret } from '../../../db/secrets.ts'
import { countPushed, sourceStatus } from '../../../db/sources/runners.ts'
import { createTenant, type Tenant } from '../../../db/tenant.ts'
import { updateTenant } from '../../../db/tenant-settings.ts'
import { pause } from '../../../workers/sources/pause.ts'
import { defineSource, requireSecret, type Source } from '../../../workers/sources/source.ts'
import { type RunningSources, startSources } from '../../../workers/sources/start.ts'
import { openTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
const masterKey = Buffer.alloc(32, 3)
const counted = z.strictObject({ prefix: z.string(), upto: z.int().default(50) })

/** Makes an event per tick, numbered by its position; `hooks` let a test look inside and break things. */
function ticker(hooks: { onRun?: (prefix: string) => void; fail?: () => Error | undefined } = {}): Source {
  return defineSource({
    name: 'ticker',
    docs: 'docs/sources/ticker.md',
    settings: counted,
    secrets: ['url'],
    position: z.int(),
    async run({ settings, position = 0, accept, signal, lag, secret }) {
      hooks.onRun?.(settings.prefix)
      let next = position
      while (!signal.aborted && next < settings.upto) {
        const error = hooks.fail?.()
        if (error) throw error
        next += 1
        const events = [tick(`${settings.prefix}-${next}`)]
        await accept({ events, position: next, lagSeconds: settings.upto - next })
      }
      lag(0)
      if (secret('url') === 'wait') await pause(60_000, signal)
      return { againInSeconds: 0.05 }
    },
  })
}

const tick = (id: string) => ({
  event_id: id,
  type: 'screen_viewed',
  occurred_at: '2026-11-01T10:00:00Z',
  user_id: 'member-1',
  properties: { screen: 'home' },
})

describe('sources that tenants have switched on', () => {
  let database: TestDatabase
  const open: RunningSources[] = []
  beforeAll(async () => {
    database = await openTestDatabase()
  })
  afterAll(async () => {
    await Promise.all(open.map((running) => running.close()))
    await database.close()
  })

  const start = async (source: Source, options: { kind?: 'server'; leaseSeconds?: number } = {}) => {
    const running = await startSources({
      // The second worker of a test must not forget the first one's leases, as it would after a crash of the engine.
      database: { kind: options.kind ?? database.kind, pool: database.pool },
      masterKey,
      logger: silent,
      accepted: () => undefined,
      sources: [source],
      scanMs: 50,
      leaseSeconds: options.leaseSeconds ?? 2,
      backoffMs: 20,
    })
    open.push(running)
    return running
  }
  const tenantWith = async (settings: Record<string, unknown>): Promise<Tenant> =>
    createTenant(database.pool, { slug: `t-${randomUUID()}`, timezone: 'UTC', currency: 'USD', settings })
  const idsOf = async ({ id }: Tenant) => {
    const { rows } = await database.pool.query<{ event_id: string }>(
      'select event_id from analytics.events where tenant_id = $1 order by event_id',
      [id],
    )
    return rows.map(({ event_id }) => event_id)
  }
  const status = async ({ slug }: Tenant) => (await sourceStatus(database.pool)).find(({ tenant }) => tenant === slug)
  const off = (tenant: Tenant) =>
    updateTenant(database.pool, tenant.slug, { settings: { 'source.ticker.enabled': null } })

  it('a source starts when it is switched on, goes on with new settings, and stops when it is switched off', async () => {
    const running = await start(ticker())
    const tenant = await tenantWith({ 'source.ticker.prefix': 'a', 'source.ticker.upto': 3 })
    await wait(200)
    expect(await status(tenant)).toBeUndefined()
    await updateTenant(database.pool, tenant.slug, { settings: { 'source.ticker.enabled': true } })
    await eventually(async () => expect(await idsOf(tenant)).toEqual(['a-1', 'a-2', 'a-3']))
    await updateTenant(database.pool, tenant.slug, {
      settings: { 'source.ticker.upto': 4, 'source.ticker.prefix': 'b' },
    })
    await eventually(async () => expect(await idsOf(tenant)).toEqual(['a-1', 'a-2', 'a-3', 'b-4']))
    await off(tenant)
    await eventually(async () =>
      expect(await status(tenant)).toMatchObject({
        state: 'stopped',
        processed: 4,
        accepted: 4,
        failed: 0,
        errors: 0,
        lag_seconds: null,
      }),
    )
    await running.close()
  })

  it('a changed secret restarts it, and the run sees the new one', async () => {
    const seen: (string | undefined)[] = []
    const source = defineSource({
      name: 'ticker',
      docs: 'docs/sources/ticker.md',
      settings: z.strictObject({}),
      secrets: ['url'],
      position: z.int(),
      async run(run) {
        seen.push(requireSecret(run, 'ticker', 'url'))
        await pause(60_000, run.signal)
        return undefined
      },
    })
    const tenant = await tenantWith({ 'source.ticker.enabled': true })
    const running = await start(source)
    await eventually(async () =>
      expect((await status(tenant))?.last_error).toBe(
        'source.ticker.url is not set: npm run tenant -- set <slug> source.ticker.url=-',
      ),
    )
    await writeSecret(database.pool, masterKey, tenant.id, 'source.ticker.url', 'first')
    await eventually(async () => expect(seen.at(-1)).toBe('first'))
    await writeSecret(database.pool, masterKey, tenant.id, 'source.ticker.url', 'second')
    await eventually(async () => expect(seen.at(-1)).toBe('second'))
    await off(tenant)
    await running.close()
  })

  it('an error is counted, shown without secrets, and tried again from the last committed position', async () => {
    let left = 3
    const source = ticker({
      fail: () => (left-- > 0 ? new Error('cannot reach redis://user:s3cret-word@host:1') : undefined),
    })
    const tenant = await tenantWith({
      'source.ticker.enabled': true,
      'source.ticker.prefix': 'e',
      'source.ticker.upto': 2,
    })
    await writeSecret(database.pool, masterKey, tenant.id, 'source.ticker.url', 'redis://user:s3cret-word@host:1')
    const running = await start(source)
    await eventually(async () => expect(await idsOf(tenant)).toEqual(['e-1', 'e-2']))
    const after = await status(tenant)
    expect(after).toMatchObject({ errors: 3, consecutive_errors: 0, last_error: 'cannot reach •••' })
    await off(tenant)
    await running.close()
  })

  it('settings that do not fit are named, and nothing runs until they are right', async () => {
    const tenant = await tenantWith({ 'source.ticker.enabled': true, 'source.ticker.upto': 'many' })
    const running = await start(ticker())
    await eventually(async () =>
      expect((await status(tenant))?.last_error).toMatch(/source\.ticker\.prefix: .*source\.ticker\.upto: /),
    )
    await eventually(async () => expect(await status(tenant)).toMatchObject({ state: 'failing', processed: 0 }))
    await off(tenant)
    await running.close()
  })

  it('only one of two workers runs it; the other takes over when the first ends', async () => {
    const runs: string[] = []
    const tenant = await tenantWith({
      'source.ticker.enabled': true,
      'source.ticker.prefix': 'x',
      'source.ticker.upto': 1,
    })
    await writeSecret(database.pool, masterKey, tenant.id, 'source.ticker.url', 'wait')
    const first = await start(ticker({ onRun: () => runs.push('first') }), { leaseSeconds: 6 })
    await eventually(async () => expect(runs).toEqual(['first']))
    const second = await start(ticker({ onRun: () => runs.push('second') }), { kind: 'server', leaseSeconds: 1 })
    await wait(1500)
    expect(runs).toEqual(['first'])
    await first.close()
    await eventually(async () => expect(runs).toEqual(['first', 'second']))
    await off(tenant)
    await second.close()
  })

  it('a worker that lost its lease cannot move the position any more', async () => {
    const outcome: unknown[] = []
    const source = defineSource({
      name: 'ticker',
      docs: 'docs/sources/ticker.md',
      settings: z.strictObject({}),
      secrets: [],
      position: z.int(),
      async run({ accept, tenant }) {
        // Another worker takes over while this one is busy.
        await database.pool.query(
          `update analytics.source_runners set holder = 'other', generation = generation + 1, lease_until = now() + interval '1 hour'
           where tenant_id = $1`,
          [tenant.id],
        )
        outcome.push(await accept({ events: [tick('late')], position: 99 }).catch((error: Error) => error.message))
        throw new Error('the end')
      },
    })
    const tenant = await tenantWith({ 'source.ticker.enabled': true })
    const running = await start(source)
    await eventually(async () => expect(outcome).toEqual(['another worker runs this source now']))
    const { rows } = await database.pool.query(
      'select position, processed from analytics.source_runners where tenant_id = $1',
      [tenant.id],
    )
    expect(rows).toEqual([{ position: null, processed: 0 }])
    await off(tenant)
    await running.close()
  })

  it('messages that are no events are kept in the quarantine and counted as failed', async () => {
    const source = defineSource({
      name: 'ticker',
      docs: 'docs/sources/ticker.md',
      settings: z.strictObject({}),
      secrets: [],
      position: z.int(),
      async run({ accept, position = 0, signal }) {
        if (position === 0)
          await accept({
            events: [tick('good'), { ...tick('bad'), user_id: 'a@b.c' }],
            rejected: [{ body: { email: 'a@b.c' }, code: 'unreadable_message', message: 'This is no change event.' }],
            messages: 5,
            position: 1,
          })
        await pause(60_000, signal)
        return undefined
      },
    })
    const tenant = await tenantWith({ 'source.ticker.enabled': true })
    const running = await start(source)
    await eventually(async () =>
      expect(await status(tenant)).toMatchObject({ processed: 5, accepted: 1, duplicates: 0, failed: 2 }),
    )
    const { rows } = await database.pool.query<{ source: string; text: string }>(
      'select source, body::text || errors::text as text from analytics.quarantine where tenant_id = $1',
      [tenant.id],
    )
    expect(rows.map(({ source: from }) => from)).toEqual(['ticker', 'ticker'])
    expect(rows.map(({ text }) => text).join()).not.toContain('a@b.c')
    await off(tenant)
    await running.close()
  })

  it('what the database refuses for its data is kept in the quarantine after its last try; those around it are not', async () => {
    await database.pool.query(`alter table analytics.events add constraint poison check (user_id not like 'poison%')`)
    const source = defineSource({
      name: 'ticker',
      docs: 'docs/sources/ticker.md',
      settings: z.strictObject({}),
      secrets: [],
      position: z.int(),
      async run({ accept, position = 0, signal }) {
        const events = Array.from({ length: 50 }, (_, i) => ({
          ...tick(`n-${i}`),
          user_id: [7, 8, 49].includes(i) ? `poison-${i}` : 'member-1',
        }))
        if (position === 0) await accept({ events, position: 1 })
        await pause(60_000, signal)
        return undefined
      },
    })
    const tenant = await tenantWith({ 'source.ticker.enabled': true })
    const running = await start(source)
    await eventually(async () =>
      expect(await status(tenant)).toMatchObject({ processed: 50, accepted: 47, failed: 3, errors: 0 }),
    )
    const { rows } = await database.pool.query<{ code: string; user: string }>(
      `select errors -> 0 ->> 'code' as code, body ->> 'user_id' as user from analytics.quarantine where tenant_id = $1 order by 2`,
      [tenant.id],
    )
    expect(rows.map(({ code, user }) => `${code} ${user}`)).toEqual([
      'poison_message poison-49',
      'poison_message poison-7',
      'poison_message poison-8',
    ])
    // The cause is mended: what was kept is stored.
    await database.pool.query('alter table analytics.events drop constraint poison')
    const intake = { tenant, piiKey: await piiKey(database.pool, masterKey, tenant.id) }
    const kept = await listQuarantine(database.pool, tenant.id, 10)
    expect(await replayQuarantine(database.pool, intake, kept)).toEqual({ accepted: 3, duplicates: 0, rejected: 0 })
    await off(tenant)
    await running.close()
  })

  it('a batch that is read again after a crash leaves its rejected messages in the quarantine once', async () => {
    let crashes = 2
    const source = defineSource({
      name: 'ticker',
      docs: 'docs/sources/ticker.md',
      settings: z.strictObject({}),
      secrets: [],
      position: z.int(),
      async run({ accept, position = 0, signal }) {
        const rejected = [{ body: { odd: true }, code: 'unreadable_message', message: 'This is no change event.' }]
        const events = [tick('good'), { ...tick('bad'), type: 'no_such_type' }]
        if (position === 0) await accept({ events, rejected, ...(crashes > 0 ? {} : { position: 1 }) })
        crashes -= 1
        if (crashes >= 0) throw new Error('the other side was not told')
        await pause(60_000, signal)
        return undefined
      },
    })
    const tenant = await tenantWith({ 'source.ticker.enabled': true })
    const running = await start(source)
    await eventually(async () => expect(await status(tenant)).toMatchObject({ processed: 9, accepted: 1, errors: 2 }))
    expect(await listQuarantine(database.pool, tenant.id, 10)).toHaveLength(2)
    await off(tenant)
    await running.close()
  })

  it('what came by request instead of being read is counted beside it; its lag is how late the newest came', async () => {
    const tenant = await tenantWith({})
    const counts = { processed: 3, accepted: 2, duplicates: 1, failed: 0 }
    await countPushed(database.pool, tenant.id, 'uploads', counts)
    expect(await status(tenant)).toMatchObject({ state: 'pushed', lag_seconds: null })
    await countPushed(database.pool, tenant.id, 'uploads', { ...counts, newestAt: Date.now() - 60_000 })
    await countPushed(database.pool, tenant.id, 'uploads', counts)
    const found = await status(tenant)
    expect(found).toMatchObject({ source: 'uploads', state: 'pushed', processed: 9, accepted: 6 })
    expect(Math.round(found?.lag_seconds ?? 0)).toBe(60)
  })
})
