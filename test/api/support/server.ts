import { listen } from '../../../api/listen.ts'
import { bearer, bootApp } from './harness.ts'

// A server process for the shutdown test: prints its URL and a token, then tells what happens to it.
const { app } = await bootApp((scope) => {
  scope.get('/slow', { config: { roles: ['admin'] } }, async () => {
    process.stdout.write('started\n')
    await new Promise((resolve) => process.stdin.once('data', resolve))
    return { done: true }
  })
})
const { url } = await listen(app, {
  host: '127.0.0.1',
  port: 0,
  graceMs: Number(process.argv[2]),
  onClosed: async () => void process.stdout.write('closed\n'),
})
process.stdout.write(`${JSON.stringify({ url, headers: await bearer() })}\n`)
