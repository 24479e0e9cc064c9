import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const web = fileURLToPath(new URL('../../web', import.meta.url))

test('web declares no shape of an answer and reads none unchecked: schemas are the API’s own', async () => {
  const files = (await readdir(web, { recursive: true })).filter(
    (name) => /\.tsx?$/.test(name) && !name.startsWith('dist'),
  )
  expect(files.length).toBeGreaterThan(40)
  for (const name of files) {
    const text = await readFile(join(web, name), 'utf8')
    expect(text, name).not.toMatch(/import (?!type )[^\n]*'zod'/)
    if (!name.endsWith('api/client.ts')) expect(text, name).not.toMatch(/\bfetch\(|XMLHttpRequest|\.json\(\)/)
  }
})
