import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface LoadResult {
  /** From the first request to the last answer. */
  readonly ms: number
  /** Of each request, in ms. */
  readonly latencies: readonly number[]
  /** The status of each request, in the order of `latencies`. */
  readonly order: readonly number[]
  /** Answers by status. */
  readonly statuses: ReadonlyMap<number, number>
}

export interface Load {
  readonly url: string
  readonly connections: number
  /** The next request as bytes, or undefined when there is none any more. */
  readonly next: () => Buffer | undefined
  /** Any other status than 200 ends the run, unless it is taken here. */
  readonly onOther?: (status: number) => void
  /**
   * Answered once on each connection before the clock starts. Node accepts one new connection in a turn of its event loop, so
   * that many at once wait for each other; what is measured then is a rush of connections, not of requests.
   */
  readonly opening?: Buffer
}

/** One HTTP/1.1 request, finished before the clock starts: what is measured is the server, not how it is asked. */
export function request(url: string, method: string, authorization: string, body?: string, path?: string): Buffer {
  const { host, pathname, search } = new URL(path ?? url, url)
  const head = `${method} ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\nauthorization: ${authorization}\r\n`
  if (body === undefined) return Buffer.from(`${head}\r\n`)
  const type = 'content-type: application/json\r\n'
  return Buffer.from(`${head}${type}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}

/**
 * Keeps `connections` connections busy, each with one request at a time, until `next` has no more. Written on sockets
 * because client and server share the machine: a full HTTP client costs as much as the server that is measured.
 */
export async function load(options: Load): Promise<LoadResult> {
  const latencies: number[] = []
  const order: number[] = []
  const statuses = new Map<number, number>()
  const { hostname, port } = new URL(options.url)
  const sockets = Array.from({ length: options.connections }, () =>
    connect({ host: hostname, port: Number(port), noDelay: true }),
  )
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  // Between two uses nobody else listens, and an error unheard would end the bench.
  for (const socket of sockets) socket.on('error', () => undefined)
  const { opening } = options
  try {
    if (opening) await Promise.all(sockets.map((socket) => drive(socket, each([opening]), () => undefined)))
    const start = performance.now()
    await Promise.all(
      sockets.map((socket) =>
        drive(socket, options.next, (status, ms) => {
          latencies.push(ms)
          order.push(status)
          statuses.set(status, (statuses.get(status) ?? 0) + 1)
          if (status === 200) return
          if (!options.onOther) throw new Error(`the API answered ${status}`)
          options.onOther(status)
        }),
      ),
    )
    return { ms: performance.now() - start, latencies, order, statuses }
  } finally {
    for (const socket of sockets) socket.destroy()
  }
}

/** Sends one request after the other over a connection; resolves when there is none left. */
function drive(socket: Socket, next: Load['next'], answered: (status: number, ms: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let head = ''
    let status = 0
    let left = 0
    let sentAt = 0
    const ended = () => reject(new Error('the API closed the connection'))
    const done = () => {
      socket.off('error', reject).off('close', ended).off('data', read)
      resolve()
    }
    const send = () => {
      const bytes = next()
      if (bytes === undefined) return done()
      head = ''
      status = 0
      sentAt = performance.now()
      socket.write(bytes)
    }
    const read = (data: Buffer) => {
      try {
        if (status !== 0) left -= data.length
        else {
          const before = head.length
          head += data.toString('latin1')
          const end = head.indexOf('\r\n\r\n')
          if (end < 0) return
          status = Number(head.slice(9, 12))
          left = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0) - (data.length - (end + 4 - before))
        }
        if (left > 0) return
        answered(status, performance.now() - sentAt)
        send()
      } catch (error) {
        reject(error)
      }
    }
    socket.on('error', reject).on('close', ended).on('data', read)
    send()
  })
}

/** Gives out each of `requests` once. */
export function each(requests: readonly Buffer[]): () => Buffer | undefined {
  let at = 0
  return () => requests[at++]
}
