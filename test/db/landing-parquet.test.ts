import { copyFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { datasetNamed } from '../../db/landing/datasets.ts'
import { copyWithout, readParquet, withDuck, writeParquet } from '../../db/landing/parquet.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'upcoach-parquet-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const members = datasetNamed('dim_user')
const line = (user: string, plan: string) =>
  JSON.stringify({
    user_id: user,
    signup_date: '2026-01-01',
    plan,
    tenant_id: '0195e2f0-6a1c-7000-8000-000000000000',
    coach_id: 'c',
  })

test('a file that replaces another of its size under its name is read as it is, never as the one before', async () => {
  await withDuck(directory, async (duck) => {
    const files = []
    for (const user of ['staying-1', 'leaving-1', 'staying-2', 'leaving-2']) {
      const lines = join(directory, `${user}.ndjson`)
      const path = join(directory, `${user}.parquet`)
      await writeFile(lines, `${line('somebody', 'pro')}\n${line(user, 'pro')}\n`)
      files.push({ user, path, content: await writeParquet(duck, members, lines, path) })
    }
    expect(new Set(await Promise.all(files.map(async ({ path }) => (await stat(path)).size))).size).toBe(1)
    const [from, to] = [join(directory, 'before.parquet'), join(directory, 'after.parquet')]
    for (const { user, path, content } of files) {
      await copyFile(path, from)
      expect(await readParquet(duck, members, from)).toEqual(content)
      // What an erasure does: the member is found, and is gone from the copy.
      const without = await copyWithout(duck, members, from, to, { id: user, replacement: 'gone' })
      expect(without?.rows).toBe(1)
      expect(await copyWithout(duck, members, to, from, { id: user, replacement: 'gone' })).toBeUndefined()
    }
  })
})
