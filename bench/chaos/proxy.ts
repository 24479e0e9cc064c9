import { connect, createServer, type Socket } from 'node:net'

export interface FaultyProxy {
  readonly port: number
  /** Cuts one connection after about `bytes` more bytes have passed in this direction. */
  cutAfter(direction: 'request' | 'response', bytes: number): void
  /** From now on everything that passes is held up for so long, in milliseconds; 0: nothing any more. */
  slowBy(milliseconds: number): void
  /** Cuts every open connection. */
  cutAll(): void
  close(): Promise<void>
}

/** A TCP proxy on loopback that can be slow, and lose connections in the middle of what a client or its server says. */
export async function openProxy(targetPort: number, targetHost = '127.0.0.1'): Promise<FaultyProxy> {
  const sockets = new Set<Socket>()
  let delay = 0
  const left: Partial<Record<'request' | 'response', number>> = {}

  const server = createServer((client) => {
    const upstream = connect(targetPort, targetHost)
    const drop = (): void => {
      client.destroy()
      upstream.destroy()
    }
    const pass = (direction: 'request' | 'response', from: Socket, to: Socket): void => {
      from.on('data', (data) => {
        const budget = left[direction]
        if (budget !== undefined && data.length >= budget) {
          delete left[direction]
          // what came before the cut still arrives
          to.write(data.subarray(0, budget), drop)
          return
        }
        if (budget !== undefined) left[direction] = budget - data.length
        if (delay === 0) {
          to.write(data)
          return
        }
        // One at a time, or what comes later might overtake.
        from.pause()
        setTimeout(() => {
          to.write(data)
          from.resume()
        }, delay)
      })
      from.on('end', () => to.end())
      from.on('error', drop)
      from.on('close', () => sockets.delete(from))
      sockets.add(from)
    }
    pass('request', client, upstream)
    pass('response', upstream, client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: address.port,
    cutAfter(direction, bytes) {
      left[direction] = bytes
    },
    slowBy(milliseconds) {
      delay = milliseconds
    },
    cutAll,
    async close() {
      cutAll()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
