import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { loadFile } from '../../../cli/backfill/event-file.ts'
import { describeLoaded, type Loading } from '../../../cli/backfill/load-events.ts'
import { finishedDays, loadDays } from '../../../cli/backfill/mixpanel.ts'
import { piiKey } from '../../../db/secrets.ts'
import type { Tenant } from '../../../db/tenant.ts'
import { updateTenant } from '../../../db/tenant-settings.ts'
import { readMixpanelExport } from '../../../sources/mixpanel/export-event.ts'
import { eventNamesSchema } from '../../../sources/named-events.ts'
import { hmac } from '../../../sources/pii.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'

let platform: Platform
let dataDir: string
beforeAll(async () => {
  platform = await openPlatform()
})
afterAll(() => platform.close())
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'upcoach-mixpanel-'))
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

async function prepare(slug: string) {
  const created = await platform.createTenant({ slug })
  const tenant = await updateTenant(platform.db.pool, slug, { settings: { retention_months: 120 } })
  const key = await piiKey(platform.db.pool, platform.masterKey, created.id)
  const problems: string[] = []
  const loading: Loading = {
    database: platform.db,
    intake: { tenant, piiKey: key },
    source: 'mixpanel',
    onProblem: (line) => problems.push(line),
    onProgress: () => undefined,
  }
  const pseudonym = (address: string) => hmac(address, key)
  return {
    tenant,
    loading,
    problems,
    reading: { names: eventNamesSchema.parse({}), projectTimezone: undefined, pseudonym },
  }
}

const storedIn = async (tenant: Tenant): Promise<{ user_id: string; at: string }[]> =>
  (
    await platform.db.pool.query(
      'select user_id, occurred_at as at from analytics.events where tenant_id = $1 order by occurred_at, user_id',
      [tenant.id],
    )
  ).rows

const PER_DAY = 1100
const linesOf = (day: string, count = PER_DAY) =>
  Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      event: 'Opened',
      properties: {
        time: Date.parse(`${day}T00:00:00Z`) / 1000 + i,
        distinct_id: i % 10 === 0 ? 'Ada@example.com' : `m-${i % 7}`,
        $insert_id: `${day}-${i}`,
      },
    }),
  )

describe('the Mixpanel export API', () => {
  let server: Server
  let origin: string
  let asked: string[]
  /** Answers to be given before the day's lines, first to last. */
  let trouble: ((request: IncomingMessage, response: ServerResponse, day: string) => void)[]
  const authorization = `Basic ${Buffer.from('analytics.1a2b:hush').toString('base64')}`

  beforeAll(async () => {
    server = createServer((request, response) => {
      const { searchParams, pathname } = new URL(request.url ?? '', 'http://mixpanel')
      const day = searchParams.get('from_date') ?? ''
      asked.push(day)
      if (request.headers.authorization !== authorization || searchParams.get('project_id') !== '42')
        return void response.writeHead(401).end()
      if (pathname !== '/api/2.0/export' || searchParams.get('to_date') !== day)
        return void response.writeHead(400).end()
      const next = trouble.shift()
      if (next) return next(request, response, day)
      response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' })
      response.end(gzipSync(`${linesOf(day).join('\n')}\n`))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  beforeEach(() => {
    asked = []
    trouble = []
  })
  const waits: string[] = []
  const api = (credentials = 'analytics.1a2b:hush') => ({
    origin,
    project: '42',
    credentials,
    onWait: (why: string) => waits.push(why),
  })

  test('a range is read day by day, through rate limits, failures and answers that are cut short', async () => {
    const { tenant, loading, reading } = await prepare('mixpanel-days')
    trouble = [
      (_, response) => response.writeHead(429, { 'retry-after': '0' }).end('{"error":"too many"}'),
      (_, response) => response.writeHead(503, { 'retry-after': '0.05' }).end(),
      // ends as Mixpanel ends what it gives up
      (_, response, day) => response.writeHead(200).end(`${linesOf(day, 1050).join('\n')}\nterminated early\n`),
      // the connection is lost in the middle of the compressed stream
      (_, response, day) => {
        const whole = gzipSync(linesOf(day).join('\n'))
        response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': whole.length })
        response.write(whole.subarray(0, whole.length / 2), () => response.destroy())
      },
    ]
    const finished = finishedDays(dataDir, ['mixpanel-days'])
    const days = { from: '2025-03-01', to: '2025-03-03' }
    const loaded = await loadDays(api(), days, reading, loading, finished)
    expect(loaded.records).toBe(2 * PER_DAY)
    expect(loaded.rejected).toBe(0)
    expect(asked).toEqual(['2025-03-01', '2025-03-01', '2025-03-01', '2025-03-01', '2025-03-01', '2025-03-02'])
    const stored = await storedIn(tenant)
    expect(stored).toHaveLength(2 * PER_DAY)
    expect(stored[0]?.user_id).toMatch(/^hmac:[0-9a-f]{32}$/)
    expect(JSON.stringify(stored)).not.toContain('@')
    // What is through is not asked for again; asking again all the same changes no number.
    expect(await loadDays(api(), days, reading, loading, finished)).toMatchObject({ records: 0 })
    const again = { ...finished, read: async () => new Set<string>() }
    expect(await loadDays(api(), days, reading, loading, again)).toMatchObject({ accepted: 0, duplicates: 2 * PER_DAY })
  })

  test('a run that was stopped goes on with the day it was in', async () => {
    const { tenant, loading, reading } = await prepare('mixpanel-resumed')
    const finished = finishedDays(dataDir, ['mixpanel-resumed'])
    const days = { from: '2025-03-01', to: '2025-03-04' }
    let batches = 0
    const stopping: Loading = {
      ...loading,
      onProgress: () => {
        batches += 1
        if (batches === 3) throw new Error('stopped')
      },
    }
    await expect(loadDays(api(), days, reading, stopping, finished)).rejects.toThrow('stopped')
    expect(asked).toEqual(['2025-03-01', '2025-03-02'])
    const rest = await loadDays(api(), days, reading, loading, finished)
    expect(asked.slice(2)).toEqual(['2025-03-02', '2025-03-03'])
    expect(rest).toMatchObject({ accepted: 2 * PER_DAY - 1000, duplicates: 1000 })
    expect(await storedIn(tenant)).toHaveLength(3 * PER_DAY)
  })

  test('a day that is not over yet is read again by the next run', async () => {
    const { loading, reading } = await prepare('mixpanel-today')
    const finished = finishedDays(dataDir, ['mixpanel-today'])
    const from = new Date().toISOString().slice(0, 10)
    const to = new Date(Date.parse(from) + 86_400_000).toISOString().slice(0, 10)
    trouble = [(_, response) => response.writeHead(200).end('')]
    await loadDays(api(), { from, to }, reading, loading, finished)
    expect([...(await finished.read())]).toEqual([])
  })

  test('wrong credentials stop at once and do not show', async () => {
    const { loading, reading } = await prepare('mixpanel-refused')
    const finished = finishedDays(dataDir, ['mixpanel-refused'])
    const days = { from: '2025-03-01', to: '2025-03-02' }
    const failure = loadDays(api('somebody:else'), days, reading, loading, finished)
    await expect(failure).rejects.toThrow(/refuses the credentials \(401\).*mixpanel_api_secret/)
    await expect(failure).rejects.not.toThrow(/else/)
    expect(asked).toHaveLength(1)
  })
})

const data = join(process.env.UPCOACH_REAL_DATA ?? '../shared/data', 'mixpanel_export')

test.skipIf(!existsSync(data))(
  'real export files load, resume and load again (skipped without the real data)',
  async () => {
    const { tenant, loading, problems, reading } = await prepare('mixpanel-files')
    const about = ['mixpanel-files'] as const
    const read = (line: unknown) => [readMixpanelExport(line, reading)]
    const loaded: string[] = []
    for (const file of (await readdir(data)).filter((name) => name.endsWith('.ndjson')).sort())
      loaded.push(describeLoaded(await loadFile({ path: join(data, file), read, dataDir, about }, loading)))
    expect(loaded).toEqual([
      '2 records: 0 accepted, 0 duplicates, 2 rejected',
      '2 records: 2 accepted, 0 duplicates, 0 rejected',
      '10 records: 10 accepted, 0 duplicates, 0 rejected',
      '3 records: 0 accepted, 0 duplicates, 3 rejected',
    ])
    expect(problems[0]).toMatch(/^record 1: user_id: This field is required/)
    const stored = await storedIn(tenant)
    expect(stored).toHaveLength(12)
    const C = join(data, 'C_pubsub_docs.ndjson')
    expect(await loadFile({ path: C, read, dataDir, about }, loading)).toMatchObject({ accepted: 0, duplicates: 10 })
  },
)

test('a file that was stopped goes on after the records that are stored, whatever lines are broken', async () => {
  const { tenant, loading, reading } = await prepare('mixpanel-file')
  const path = join(dataDir, 'export.ndjson.gz')
  const lines = [
    'not json',
    JSON.stringify({ event: 'x', properties: { distinct_id: '$device:1' } }),
    ...linesOf('2025-03-01', 2500),
  ]
  await writeFile(path, gzipSync(lines.join('\r\n')))
  const file = {
    path,
    read: (line: unknown) => [readMixpanelExport(line, reading)],
    dataDir,
    about: ['mixpanel-file'] as const,
  }
  const stopping = {
    ...loading,
    onProgress: () => {
      throw new Error('stopped')
    },
  }
  await expect(loadFile(file, stopping)).rejects.toThrow('stopped')
  const loaded = await loadFile(file, loading)
  expect(loaded).toMatchObject({ records: 2502, accepted: 2500, duplicates: 0, rejected: 1 })
  expect(await storedIn(tenant)).toHaveLength(2500)
  expect(await readdir(join(dataDir, 'replay'))).toEqual([])
})
