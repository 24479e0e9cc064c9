import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { listen } from '../../api/listen.ts'
import { bearer, bootApp } from './support/harness.ts'
import { poll } from './support/poll.ts'

const script = fileURLToPath(new URL('support/server.ts', import.meta.url))

type Server = {
  child: ChildProcess
  url: string
  headers: Record<string, string>
  line(): Promise<string>
  exit: Promise<number | null>
}

async function start(graceMs = 20_000): Promise<Server> {
  const child = spawn(process.execPath, ['--import', 'tsx', script, String(graceMs)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async () => String((await lines.next()).value)
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const hello = z.object({ url: z.string(), headers: z.record(z.string(), z.string()) }).parse(JSON.parse(await line()))
  return { child, line, exit, ...hello }
}

const isRefused = async (url: string) =>
  fetch(`${url}/health/live`, { headers: { connection: 'close' } }).then(
    () => false,
    () => true,
  )

describe('a server that is told to stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s finishes what is in flight, refuses what is new, then closes and exits 0',
    async (signal) => {
      const server = await start()
      const inFlight = fetch(`${server.url}/slow`, { headers: server.headers })
      expect(await server.line()).toBe('started')
      server.child.kill(signal)
      await poll(() => isRefused(server.url)).toBe(true)
      server.child.stdin?.write('go\n')
      expect(await (await inFlight).json()).toEqual({ done: true })
      expect(await server.line()).toBe('closed')
      expect(await server.exit).toBe(0)
    },
  )

  test('but cannot finish in time exits 1', async () => {
    const server = await start(200)
    const inFlight = fetch(`${server.url}/slow`, { headers: server.headers }).catch(() => 'cut off')
    expect(await server.line()).toBe('started')
    server.child.kill('SIGTERM')
    expect(await server.exit).toBe(1)
    expect(await inFlight).toBe('cut off')
  })

  test('twice ends at once', async () => {
    const server = await start()
    fetch(`${server.url}/slow`, { headers: server.headers }).catch(() => {})
    expect(await server.line()).toBe('started')
    server.child.kill('SIGTERM')
    await poll(() => isRefused(server.url)).toBe(true)
    server.child.kill('SIGTERM')
    expect(await server.exit).toBeNull()
  })
})

describe('stop()', () => {
  test('closes once however often it is called, and takes its signal handlers along', async () => {
    const before = process.listenerCount('SIGTERM')
    let closed = 0
    const onClosed = async () => {
      closed += 1
    }
    const { app } = await bootApp()
    const server = await listen(app, { host: '127.0.0.1', port: 0, onClosed })
    expect(process.listenerCount('SIGTERM')).toBe(before + 1)
    await Promise.all([server.stop(), server.stop()])
    expect(closed).toBe(1)
    expect(process.listenerCount('SIGTERM')).toBe(before)
  })

  test('turns away requests that still arrive on a kept-alive connection', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const { app } = await bootApp((scope) => {
      scope.addHook('preClose', () => held)
      scope.get('/data', { config: { roles: ['admin'] } }, async () => 'x')
    })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const closing = app.close()
    await poll(() => app.isDraining()).toBe(true)
    const late = await fetch(`${url}/data`, { headers: await bearer() })
    const ready = await fetch(`${url}/health/ready`)
    release()
    await closing
    expect(late.status).toBe(503)
    expect(await late.json()).toMatchObject({ code: 'shutting_down' })
    expect(late.headers.get('connection')).toBe('close')
    expect(await ready.json()).toMatchObject({ detail: 'Not in order: accepting.' })
  })
})
