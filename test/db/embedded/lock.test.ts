import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DataDirInUse, takeLock } from '../../../db/embedded/lock.ts'
import { makeSocketDirectory, socketDirectory, socketPath } from '../../../db/embedded/socket-directory.ts'
import { temporaryDirectory } from './support.ts'

const goneProcess = async () => {
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'close')
  return child.pid
}

describe('the lock of a data directory', () => {
  test('is taken by one at a time and leaves nothing behind', async () => {
    const dataDir = await temporaryDirectory()
    const lock = await takeLock(dataDir)
    await expect(takeLock(dataDir, 0)).rejects.toThrow(DataDirInUse)
    await expect(takeLock(dataDir, 0)).rejects.toThrow(`in use by process ${process.pid}`)
    await lock.release()
    await (await takeLock(dataDir, 0)).release()
    expect(await readdir(dataDir)).toEqual([])
  })

  test('is taken over from a process that is gone', async () => {
    const dataDir = await temporaryDirectory()
    const holder = { pid: await goneProcess(), startedAt: null, nonce: 'x' }
    await writeFile(join(dataDir, 'engine.lock'), JSON.stringify(holder))
    await (await takeLock(dataDir, 0)).release()
  })

  test('is taken over when the process id has passed to another process', async () => {
    const dataDir = await temporaryDirectory()
    const holder = { pid: process.pid, startedAt: 'another boot/1', nonce: 'x' }
    await writeFile(join(dataDir, 'engine.lock'), JSON.stringify(holder))
    await (await takeLock(dataDir, 0)).release()
  })

  test('is taken over when the file was cut short', async () => {
    const dataDir = await temporaryDirectory()
    await writeFile(join(dataDir, 'engine.lock'), '{"pid":')
    await (await takeLock(dataDir, 0)).release()
  })

  test('is respected while the engine answers on its socket, even if its process cannot be seen from here', async () => {
    const dataDir = await temporaryDirectory()
    await makeSocketDirectory(socketDirectory(dataDir))
    const server = createServer((socket) => socket.destroy()).listen(socketPath(socketDirectory(dataDir)))
    await once(server, 'listening')
    const holder = { pid: await goneProcess(), startedAt: null, nonce: 'x' }
    await writeFile(join(dataDir, 'engine.lock'), JSON.stringify(holder))
    await expect(takeLock(dataDir, 0)).rejects.toThrow(DataDirInUse)
    server.close()
  })

  test('goes to exactly one of many that find it stale at the same time', async () => {
    const dataDir = await temporaryDirectory()
    const holder = { pid: await goneProcess(), startedAt: null, nonce: 'x' }
    await writeFile(join(dataDir, 'engine.lock'), JSON.stringify(holder))
    const attempts = await Promise.allSettled(Array.from({ length: 10 }, () => takeLock(dataDir, 0)))
    expect(attempts.filter((a) => a.status === 'fulfilled')).toHaveLength(1)
  })
})
