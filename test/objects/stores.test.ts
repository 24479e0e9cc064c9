import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../config.ts'
import { openObjectStore } from '../../objects/open.ts'
import { InvalidKey, ObjectNotFound, type ObjectStore } from '../../objects/store.ts'
import { startS3, type TestS3 } from '../support/s3.ts'

/** The contract of objects/store.ts, over both stores. The S3 one talks to a server of that protocol. */

let s3: TestS3
let dataDir: string
const stores: Partial<Record<string, ObjectStore>> = {}
const local = { masterKey: Buffer.alloc(32, 1), origin: 'http://127.0.0.1:3000' }
const type = { contentType: 'text/csv' }
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

beforeAll(async () => {
  s3 = await startS3()
  dataDir = await mkdtemp(join(tmpdir(), 'upcoach-objects-'))
  stores.local = await openObjectStore(loadConfig({ DATA_DIR: dataDir }), local)
  stores.s3 = await openObjectStore(loadConfig({ DATA_DIR: dataDir, ...s3.env }), local)
})

afterAll(async () => {
  for (const store of Object.values(stores)) await store?.close()
  await s3.stop()
  await rm(dataDir, { recursive: true, force: true })
})

describe.each(['local', 's3'])('the %s store', (name) => {
  const store = (): ObjectStore => {
    const found = stores[name]
    if (!found) throw new Error(`no store ${name}`)
    return found
  }
  const keys = async (prefix: string) => {
    const found = []
    for await (const { key } of store().list(prefix)) found.push(key)
    return found.sort()
  }

  test('gives back what was put, with its size and hash', async () => {
    const bytes = randomBytes(100_000)
    const put = await store().put('exports/t1/small.csv', bytes, type)
    expect(put).toEqual({ bytes: bytes.length, sha256: sha256(bytes) })
    expect(sha256(await buffer(await store().get('exports/t1/small.csv')))).toBe(put.sha256)
    expect(await store().head('exports/t1/small.csv')).toEqual({ bytes: bytes.length })
  })

  test('takes a stream of many parts, and an empty one', async () => {
    const chunk = randomBytes(1024 * 1024)
    const hash = createHash('sha256')
    for (let i = 0; i < 19; i += 1) hash.update(chunk)
    const many = Readable.from(Array.from({ length: 19 }, () => chunk))
    const put = await store().put('exports/t1/large.parquet', many, type)
    expect(put).toEqual({ bytes: 19 * chunk.length, sha256: hash.digest('hex') })
    expect(sha256(await buffer(await store().get('exports/t1/large.parquet')))).toBe(put.sha256)
    expect(await store().put('exports/t1/empty.csv', Readable.from([]), type)).toMatchObject({ bytes: 0 })
    expect(await store().head('exports/t1/empty.csv')).toEqual({ bytes: 0 })
  })

  test('replaces an object as a whole', async () => {
    await store().put('exports/t1/twice.csv', Buffer.from('the first and longer one'), type)
    await store().put('exports/t1/twice.csv', Buffer.from('second'), type)
    expect((await buffer(await store().get('exports/t1/twice.csv'))).toString()).toBe('second')
  })

  test('keeps nothing of a stream that fails, and tells why', async () => {
    const failing = async function* () {
      for (let i = 0; i < 12; i += 1) yield randomBytes(1024 * 1024)
      throw new Error('the database went away')
    }
    const put = store().put('exports/t1/failed.csv', Readable.from(failing()), type)
    await expect(put).rejects.toThrow('the database went away')
    expect(await store().head('exports/t1/failed.csv')).toBeUndefined()
    expect(await keys('exports/t1/failed')).toEqual([])
  })

  test('leaves the old object when its replacement fails', async () => {
    await store().put('exports/t1/kept.csv', Buffer.from('old'), type)
    const failing = async function* () {
      yield Buffer.from('ne')
      throw new Error('no')
    }
    await expect(store().put('exports/t1/kept.csv', Readable.from(failing()), type)).rejects.toThrow('no')
    expect((await buffer(await store().get('exports/t1/kept.csv'))).toString()).toBe('old')
  })

  test('says that an object is not there', async () => {
    await expect(store().get('exports/t1/none.csv')).rejects.toBeInstanceOf(ObjectNotFound)
    expect(await store().head('exports/t1/none.csv')).toBeUndefined()
    await store().delete('exports/t1/none.csv')
    await store().delete('nowhere/at/all.csv')
  })

  test('lists by prefix, also by the beginning of a name', async () => {
    for (const key of ['landing/a/date=2026-01-01/x.parquet', 'landing/a/date=2026-01-02/x.parquet', 'landing/ab/y'])
      await store().put(key, Buffer.from('1'), type)
    expect(await keys('landing/a/')).toEqual([
      'landing/a/date=2026-01-01/x.parquet',
      'landing/a/date=2026-01-02/x.parquet',
    ])
    expect(await keys('landing/a')).toHaveLength(3)
    expect(await keys('landing/a/date=2026-01-02')).toEqual(['landing/a/date=2026-01-02/x.parquet'])
    expect(await keys('nothing/')).toEqual([])
    for await (const { bytes, modifiedAt } of store().list('landing/ab/')) {
      expect(bytes).toBe(1)
      expect(Math.abs(Date.now() - modifiedAt.getTime())).toBeLessThan(60_000)
    }
    await store().delete('landing/a/date=2026-01-01/x.parquet')
    expect(await keys('landing/a/')).toHaveLength(1)
  })

  test.each([
    '../secrets.json',
    'exports/../../secrets.json',
    'exports/./x',
    '/etc/passwd',
    'exports//x',
    'exports/',
    '',
    'exports/x\0.csv',
    'exports/%2e%2e/x',
    'exports/..%2fx',
    'exports\\..\\x',
    'C:/x',
    '.drafts/x',
    'exports/.hidden',
    'exports/ä.csv',
    'exports/a\nb',
    `exports/${'x'.repeat(600)}`,
  ])('refuses the key %j everywhere', async (key) => {
    await expect(store().put(key, Buffer.from('x'), type)).rejects.toBeInstanceOf(InvalidKey)
    await expect(store().get(key)).rejects.toBeInstanceOf(InvalidKey)
    await expect(store().head(key)).rejects.toBeInstanceOf(InvalidKey)
    await expect(store().delete(key)).rejects.toBeInstanceOf(InvalidKey)
    await expect(store().signedUrl(key, { expiresInSeconds: 60, filename: 'x' })).rejects.toBeInstanceOf(InvalidKey)
  })

  test('refuses to list outside', async () => {
    for (const prefix of ['../', '/', 'exports/../', '.drafts/']) await expect(keys(prefix)).rejects.toThrow(InvalidKey)
  })

  test('refuses file names that could change the header', async () => {
    for (const filename of ['a"; x=".html', 'a\r\nset-cookie: x', '../x', ''])
      await expect(store().signedUrl('exports/t1/x.csv', { expiresInSeconds: 60, filename })).rejects.toThrow(
        InvalidKey,
      )
  })
})

test('S3 links are read without credentials, as attachments, until they expire', async () => {
  await stores.s3?.put('exports/t1/linked.csv', Buffer.from('a,b'), type)
  const link = new URL(
    (await stores.s3?.signedUrl('exports/t1/linked.csv', { expiresInSeconds: 60, filename: 'revenue.csv' })) ?? '',
  )
  const answer = await fetch(link)
  expect(await answer.text()).toBe('a,b')
  expect(answer.headers.get('content-disposition')).toBe('attachment; filename="revenue.csv"')
  expect(link.searchParams.get('X-Amz-Algorithm')).toBe('AWS4-HMAC-SHA256')
  expect(link.searchParams.get('X-Amz-Signature')).toMatch(/^[0-9a-f]{64}$/)
  // The test server looks at the time only; signatures are the store's to check.
  const before = new Date(Date.now() - 120_000).toISOString().replace(/[-:]|\.\d+/g, '')
  link.searchParams.set('X-Amz-Date', before)
  expect((await fetch(link)).status).toBe(403)
})

test('each object asks for the encryption that is configured', async () => {
  const asked: unknown[] = []
  const server = createServer((request, response) => {
    asked.push({
      encryption: request.headers['x-amz-server-side-encryption'],
      key: request.headers['x-amz-server-side-encryption-aws-kms-key-id'],
    })
    request.resume().on('end', () => response.end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const S3_ENDPOINT = `http://127.0.0.1:${port}`
  for (const more of [{}, { S3_ENCRYPTION: 'AES256' }, { S3_ENCRYPTION: 'aws:kms', S3_KMS_KEY_ID: 'alias/exports' }]) {
    const store = await openObjectStore(loadConfig({ ...s3.env, S3_ENDPOINT, ...more }), local)
    await store.put('exports/t1/x.csv', Buffer.from('x'), type)
    await store.close()
  }
  server.close()
  expect(asked).toEqual([{}, { encryption: 'AES256' }, { encryption: 'aws:kms', key: 'alias/exports' }])
})

test('S3 links name the public address when there is one', async () => {
  const env = { ...s3.env, S3_PUBLIC_ENDPOINT: 'https://files.example.com' }
  const store = await openObjectStore(loadConfig(env), local)
  const link = new URL(await store.signedUrl('exports/t1/x.csv', { expiresInSeconds: 900, filename: 'x.csv' }))
  expect(link.origin).toBe('https://files.example.com')
  expect(link.searchParams.get('X-Amz-Expires')).toBe('900')
  await store.close()
})
