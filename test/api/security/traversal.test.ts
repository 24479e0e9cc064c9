import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { webApp } from '../../../api/web-app.ts'
import { testObjects } from '../../support/objects.ts'
import { bootApp, type TestApp } from '../support/harness.ts'
import { say } from './support/say.ts'

let booted: TestApp
let dataDir: string
let query: string

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'upcoach-paths-'))
  const site = join(dataDir, 'site')
  await mkdir(join(site, 'assets'), { recursive: true })
  await writeFile(join(site, 'index.html'), '<p>page</p>')
  await writeFile(join(site, 'assets', 'app.js'), 'app')
  await writeFile(join(dataDir, 'secrets.json'), 'the secret')
  await symlink(join(dataDir, 'secrets.json'), join(site, 'assets', 'link.js'))
  const objects = testObjects({ dataDir })
  await objects.put('exports/t1/a.csv', Buffer.from('a'))
  query = new URL(await objects.signedUrl('exports/t1/a.csv', { expiresInSeconds: 60, filename: 'a.csv' })).search
  booted = await bootApp((app) => webApp(app, { directory: site }), { objects })
  await booted.app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(async () => {
  await booted.app.close()
  await rm(dataDir, { recursive: true, force: true })
})

/** Sent as written: every client of ours would tidy these paths up first. */
const get = (path: string) => say(booted.app, `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)

const ways = [
  '../secrets.json',
  '../../secrets.json',
  '..%2fsecrets.json',
  '..%2f..%2fsecrets.json',
  '%2e%2e/secrets.json',
  '%2e%2e%2f%2e%2e%2fsecrets.json',
  '..%5c..%5csecrets.json',
  '..\\..\\secrets.json',
  '%252e%252e%252fsecrets.json',
  '%c0%ae%c0%ae/secrets.json',
  '....//....//secrets.json',
  '.;/../secrets.json',
  '/etc/passwd',
  '%2fetc%2fpasswd',
  'exports/../../secrets.json',
  'exports/t1/..%2f..%2f..%2fsecrets.json',
  'a.csv%00.json',
]

test.each(ways)('no file outside is served by way of %s', async (way) => {
  for (const path of [`/assets/${way}`, `/objects/${way}${query}`, `/documentation/static/${way}`, `/${way}`]) {
    const { text } = await get(path)
    expect.soft(text, path).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect.soft(text, path).not.toMatch(/the secret|root:/)
  }
})

test('what is inside is served', async () => {
  expect((await get('/assets/app.js')).text).toMatch(/^HTTP\/1\.1 200 /)
  expect((await get(`/objects/exports/t1/a.csv${query}`)).text).toMatch(/^HTTP\/1\.1 200 /)
})

test.each([
  'range: bytes=999-',
  'range: bytes=x',
  'if-match: "other"',
  'if-unmodified-since: Thu, 01 Jan 1970 00:00:00 GMT',
])('a header about parts or versions of a file makes nothing fail: %s', async (header) => {
  const { text } = await say(
    booted.app,
    `GET /assets/app.js HTTP/1.1\r\nhost: x\r\n${header}\r\nconnection: close\r\n\r\n`,
  )
  expect(text).toMatch(/^HTTP\/1\.1 [24]\d\d /)
})
