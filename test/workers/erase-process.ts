/** A worker process for tests: erases whoever is to be erased, and ends itself with SIGKILL around its nth operation. */
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { attachOrOpen } from '../../db/attach.ts'
import { eraseMembers } from '../../workers/erase-members.ts'
import { testObjects } from '../support/objects.ts'
import type { Platform } from '../support/platform.ts'
import { workerContext } from '../support/work.ts'

const { DATA_DIR = '', DATABASE_URL, OBJECTS_DIR = '', CRASH_AT = '0', MASTER_KEY = '' } = process.env
let left = Number(CRASH_AT)
/** Odd ones: before anything is sent. Even ones: while it is under way. */
const passed = () => {
  left -= 1
  if (left !== 0) return
  if (Number(CRASH_AT) % 2 === 1) process.kill(process.pid, 'SIGKILL')
  else void wait(3).then(() => process.kill(process.pid, 'SIGKILL'))
}
const counted = (target: object, name: string) => {
  const original = Reflect.get(target, name) as (...given: unknown[]) => unknown
  Reflect.set(target, name, function counting(this: unknown, ...given: unknown[]) {
    passed()
    return original.apply(this, given)
  })
}

const database = await attachOrOpen({ dataDir: DATA_DIR, DATABASE_URL, DATABASE_POOL_SIZE: 3 })
const objects = testObjects({ dataDir: OBJECTS_DIR })
counted(pg.Client.prototype, 'query')
for (const name of ['put', 'get', 'delete']) counted(objects, name)
const platform = { db: database, objects, masterKey: Buffer.from(MASTER_KEY, 'base64') }
await eraseMembers({}, workerContext(platform as unknown as Platform))
await database.close()
