import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testObjects } from '../../support/objects.ts'
import { bootApp, type TestApp } from '../support/harness.ts'

let dataDir: string
let booted: TestApp
let objects: ReturnType<typeof testObjects>
const key = 'exports/t1/revenue.csv'

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'upcoach-link-'))
  objects = testObjects({ dataDir })
  booted = await bootApp(undefined, { objects })
  await objects.put(key, Buffer.from('day,value\r\n'))
})
afterAll(async () => {
  await booted.app.close()
  await rm(dataDir, { recursive: true, force: true })
})

const link = async (expiresInSeconds = 900, of = key) => {
  const url = new URL(await objects.signedUrl(of, { expiresInSeconds, filename: 'revenue.csv' }))
  return `${url.pathname}${url.search}`
}

test('a signed link gives the file as an attachment that no browser interprets', async () => {
  const answer = await booted.app.inject({ url: await link() })
  expect(answer.statusCode).toBe(200)
  expect(answer.body).toBe('day,value\r\n')
  expect(answer.headers).toMatchObject({
    'content-type': 'text/csv; charset=utf-8',
    'content-length': '11',
    'content-disposition': 'attachment; filename="revenue.csv"',
    'x-content-type-options': 'nosniff',
    'cache-control': 'private, no-store',
  })
  const head = await booted.app.inject({ method: 'HEAD', url: await link() })
  expect(head.headers['content-length']).toBe('11')
  expect(head.body).toBe('')
})

test('a link that expired, was changed or never signed is refused', async () => {
  const expired = await booted.app.inject({ url: await link(-1) })
  expect([expired.statusCode, expired.json().code]).toEqual([403, 'link_expired'])
  const good = await link()
  for (const bad of [
    good.replace('revenue.csv?', 'other.csv?'),
    good.replace('t1', 't2'),
    good.replace(/expires=\d+/, 'expires=99999999999'),
    good.replace('filename=revenue.csv', 'filename=x.html'),
    good.replace(/signature=./, 'signature=-'),
  ]) {
    const answer = await booted.app.inject({ url: bad })
    expect([answer.statusCode, answer.json().code], bad).toEqual([403, 'link_invalid'])
  }
  expect((await booted.app.inject({ url: `/objects/${key}` })).statusCode).toBe(400)
})

test.each(['/objects/../secrets.json', '/objects/%2e%2e/secrets.json', '/objects/exports/%00', '/objects/..%2f..%2fx'])(
  'a path like %s finds nothing',
  async (path) => {
    const query = (await link()).split('?')[1]
    const answer = await booted.app.inject({ url: `${path}?${query}` })
    expect([400, 403, 404]).toContain(answer.statusCode)
  },
)

test('a link to what is gone says so', async () => {
  const answer = await booted.app.inject({ url: await link(900, 'exports/t1/gone.csv') })
  expect(answer.statusCode).toBe(404)
})

test('the signature is in no log line', async () => {
  const good = await link()
  await booted.app.inject({ url: good })
  const signature = new URL(good, 'http://x').searchParams.get('signature') ?? '?'
  expect(booted.lines.join('')).not.toContain(signature)
})
