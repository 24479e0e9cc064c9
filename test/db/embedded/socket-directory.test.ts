import { mkdir, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeSocketDirectory, socketDirectory, socketPath } from '../../../db/embedded/socket-directory.ts'
import { createPool, startTestEngine, temporaryDirectory } from './support.ts'

test('the socket lives in the data directory, readable by its owner only', async () => {
  const dataDir = await temporaryDirectory()
  const directory = socketDirectory(dataDir)
  expect(directory).toBe(join(dataDir, 'run'))
  await mkdir(directory, { mode: 0o755 })
  await makeSocketDirectory(directory)
  expect((await stat(directory)).mode & 0o777).toBe(0o700)
})

test('a link somebody placed in its stead is refused', async () => {
  const dataDir = await temporaryDirectory()
  await symlink(tmpdir(), join(dataDir, 'run'))
  await expect(makeSocketDirectory(join(dataDir, 'run'))).rejects.toThrow(/belongs to somebody else/)
})

test('a data directory with a path too long for a socket works through a short one, and connection says so', async () => {
  const dataDir = join(await temporaryDirectory(), 'd'.repeat(90))
  const engine = await startTestEngine({ dataDir })
  const host = engine.connection.host ?? ''
  expect(Buffer.byteLength(socketPath(host))).toBeLessThan(100)
  expect(host.startsWith(tmpdir())).toBe(true)
  expect((await stat(host)).mode & 0o777).toBe(0o700)
  expect((await createPool(engine).query('select 1 as one')).rows).toEqual([{ one: 1 }])
})
