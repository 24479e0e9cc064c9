import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { freePort, type RunningServer, runCommand, startServer } from '../cli/support.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import type { ExportAnswer } from '../support/exports.ts'
import { startS3, type TestS3 } from '../support/s3.ts'

/** A process that is killed in the middle of an export: the next one completes it, once. */

let s3: TestS3
let database: TestDatabase | undefined
let dataDir: string
let server: RunningServer | undefined
/** Takes every upload up and answers none: an export that reaches it stays in its middle. */
const endless = createServer((request) => request.resume())

beforeAll(async () => {
  s3 = await startS3()
  dataDir = await mkdtemp(join(tmpdir(), 'upcoach-killed-'))
  if (inject('template').kind === 'server') database = await openTestDatabase()
  endless.listen(0, '127.0.0.1')
  await once(endless, 'listening')
})
afterAll(async () => {
  server?.process.kill('SIGKILL')
  endless.closeAllConnections()
  endless.close()
  await s3.stop()
  await database?.close()
  await rm(dataDir, { recursive: true, force: true })
})

test('an export whose process is killed in its middle is completed once by the next', async () => {
  const environment = {
    DATA_DIR: dataDir,
    PORT: await freePort(),
    ...s3.env,
    ...(database?.url ? { DATABASE_URL: database.url } : {}),
  }
  const stuck = { ...environment, S3_ENDPOINT: `http://127.0.0.1:${(endless.address() as AddressInfo).port}` }
  server = await startServer('start', stuck)
  const created = await runCommand('tenant', ['create', 'acme', '--timezone', 'UTC', '--currency', 'EUR'], environment)
  expect(created.code, created.stderr).toBe(0)
  const token = (await runCommand('token', ['--tenant', 'acme', '--role', 'admin'], environment)).stdout.trim()
  const { url } = server
  const call = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const answer = await fetch(`${url}${path}`, { ...init, headers })
    expect(answer.status).toBeLessThan(300)
    return (await answer.json()) as T
  }
  const body = JSON.stringify({ type: 'metric', format: 'parquet', params: { metric: 'dau' } })
  const { status_url } = await call<{ status_url: string }>('/api/analytics/exports', { method: 'POST', body })
  await eventually(async () => {
    // Its file is made and on its way.
    expect(await call<ExportAnswer>(status_url)).toMatchObject({ status: 'running', progress: 90 })
  }, 60_000)

  server.process.kill('SIGKILL')
  await once(server.process, 'close')
  server = await startServer('start', environment)
  const done = await eventually(async () => {
    const answer = await call<ExportAnswer>(status_url)
    expect(answer.status).toBe('completed')
    return answer
  }, 90_000)

  const file = Buffer.from(await (await fetch(done.download_url ?? '')).arrayBuffer())
  expect(file.length).toBe(done.bytes)
  expect(file.subarray(0, 4).toString()).toBe('PAR1')
  const { exports } = await call<{ exports: unknown[] }>('/api/analytics/exports')
  expect(exports).toHaveLength(1)
  expect(await server.stop()).toBe(0)
  server = undefined
}, 280_000)
