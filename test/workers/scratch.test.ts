import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { inScratchDirectory, removeAbandoned } from '../../workers/scratch.ts'

const before = process.env.TMPDIR
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const module = new URL('../../workers/scratch.ts', import.meta.url).href

let temporary: string
beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'scratch-test-'))
  process.env.TMPDIR = temporary
})
afterEach(async () => {
  if (before === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = before
  await rm(temporary, { recursive: true, force: true })
})

/** tsx keeps a directory of its own there. */
const directories = async () => (await readdir(temporary)).filter((name) => name.startsWith('upcoach-'))

/** A process that makes a file in a directory of its own and stays in it. */
async function startWriter() {
  const script = `
    const { inScratchDirectory } = await import(${JSON.stringify(module)})
    const { writeFile } = await import('node:fs/promises')
    await inScratchDirectory('landing', async (directory) => {
      await writeFile(directory + '/day.parquet', 'rows')
      process.stdout.write(directory)
      // until it is killed, or its standard input ends with us
      await new Promise((resolve) => process.stdin.resume().once('end', resolve))
    })`
  const child = spawn(process.execPath, ['--import', tsx, '--input-type=module', '--eval', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, directory: line.toString() }
}

test('what a killed process left is removed, what a running one makes is not', async () => {
  const [killed, running] = [await startWriter(), await startWriter()]
  killed.child.kill('SIGKILL')
  await once(killed.child, 'exit')
  expect(existsSync(killed.directory)).toBe(true)
  await inScratchDirectory('export', async (directory) => {
    expect(existsSync(killed.directory)).toBe(false)
    expect(existsSync(running.directory)).toBe(true)
    expect(await removeAbandoned()).toBe(0)
    expect(existsSync(directory)).toBe(true)
  })
  running.child.kill('SIGKILL')
  await once(running.child, 'exit')
  expect(await removeAbandoned()).toBe(1)
  expect(await directories()).toEqual([])
})

test('what an earlier process of the same number left is removed, other names are left alone', async () => {
  await mkdir(join(temporary, `upcoach-export-${process.pid}-abcdef`))
  await mkdir(join(temporary, 'upcoach-export-mine'))
  expect(await removeAbandoned()).toBe(1)
  expect(await directories()).toEqual(['upcoach-export-mine'])
})

test('nothing is left of work that fails', async () => {
  await expect(inScratchDirectory('export', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await directories()).toEqual([])
})
