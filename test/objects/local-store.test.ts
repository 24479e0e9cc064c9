import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LocalObjectStore } from '../../objects/local-store.ts'
import { InvalidKey, ObjectNotFound } from '../../objects/store.ts'

let home: string
let store: LocalObjectStore
const linkSecret = Buffer.alloc(32, 1)

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'upcoach-local-'))
  store = new LocalObjectStore({ directory: join(home, 'objects'), linkSecret, origin: 'http://127.0.0.1:3000' })
})
afterEach(() => rm(home, { recursive: true, force: true }))

test('files belong to their owner alone', async () => {
  await store.put('exports/t/x.csv', Buffer.from('1'))
  expect((await stat(join(home, 'objects/exports/t/x.csv'))).mode & 0o077).toBe(0)
  expect((await stat(join(home, 'objects/exports'))).mode & 0o077).toBe(0)
})

test('a directory that is a link out of the store is not followed', async () => {
  await mkdir(join(home, 'outside'))
  await writeFile(join(home, 'outside/secret.csv'), 'secret')
  await store.put('exports/t/x.csv', Buffer.from('1'))
  await symlink(join(home, 'outside'), join(home, 'objects/exports/linked'))
  await expect(store.get('exports/linked/secret.csv')).rejects.toBeInstanceOf(InvalidKey)
  await expect(store.put('exports/linked/new.csv', Buffer.from('1'))).rejects.toBeInstanceOf(InvalidKey)
  await expect(store.delete('exports/linked/secret.csv')).rejects.toBeInstanceOf(InvalidKey)
  expect(await readdir(join(home, 'outside'))).toEqual(['secret.csv'])
  for await (const { key } of store.list('exports/')) expect(key).toBe('exports/t/x.csv')
})

test('a file that is a link is not followed', async () => {
  await writeFile(join(home, 'secret.csv'), 'secret')
  await store.put('exports/t/x.csv', Buffer.from('1'))
  await symlink(join(home, 'secret.csv'), join(home, 'objects/exports/t/link.csv'))
  await expect(store.get('exports/t/link.csv')).rejects.toBeInstanceOf(ObjectNotFound)
  await store.put('exports/t/link.csv', Buffer.from('replaced'))
  expect(await readFile(join(home, 'secret.csv'), 'utf8')).toBe('secret')
  expect((await buffer(await store.get('exports/t/link.csv'))).toString()).toBe('replaced')
})

test('a directory is not an object', async () => {
  await store.put('exports/t/x.csv', Buffer.from('1'))
  await expect(store.get('exports/t')).rejects.toBeInstanceOf(ObjectNotFound)
  expect(await store.head('exports/t')).toBeUndefined()
})

test('drafts that a killed process left are removed after a day, younger ones are somebody’s', async () => {
  await mkdir(join(home, 'objects/.drafts'), { recursive: true })
  for (const name of ['old', 'young']) await writeFile(join(home, 'objects/.drafts', name), 'half')
  const longAgo = Date.now() / 1000 - 25 * 3600
  await utimes(join(home, 'objects/.drafts/old'), longAgo, longAgo)
  await store.put('exports/t/x.csv', Buffer.from('1'))
  expect(await readdir(join(home, 'objects/.drafts'))).toEqual(['young'])
})

test('the store may itself stand behind a link', async () => {
  await mkdir(join(home, 'volume'))
  await symlink(join(home, 'volume'), join(home, 'mounted'))
  const mounted = new LocalObjectStore({ directory: join(home, 'mounted'), linkSecret, origin: 'http://x' })
  await mounted.put('exports/t/x.csv', Buffer.from('1'))
  expect((await buffer(await mounted.get('exports/t/x.csv'))).toString()).toBe('1')
})
