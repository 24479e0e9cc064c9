import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { jwtVerify } from 'jose'
import { type WebSocket, WebSocketServer } from 'ws'

export const KEY = 'sb_secret_for_tests_only'
export const JWT_SECRET = 'a jwt secret of a project, for tests only, long enough'

export interface StoredRow extends Record<string, unknown> {
  readonly id: number
  readonly updated_at: string
}

/** What a subscriber asked for, by the topic it joined. */
interface Subscriber {
  readonly socket: WebSocket
  readonly topic: string
  readonly joinRef: string
  readonly changes: readonly { readonly id: number; readonly schema: string; readonly table: string }[]
  isLive: boolean
  expires: NodeJS.Timeout | undefined
}

export interface SupabaseServer {
  readonly url: string
  /** Tokens in the order in which they came, by joins and by refreshes. */
  readonly tokens: string[]
  readonly rows: ReadonlyMap<string, StoredRow[]>
  /** How the server misbehaves from now on. */
  faults: {
    /** Changes that are stored and not told. */
    swallow: boolean
    /** Changes are told without their values. */
    withoutValues: boolean
    answerHeartbeats: boolean
    refuseJoins: string | undefined
  }
  /** Inserts or updates a row, as one transaction, and tells subscribers. */
  write(table: string, row: Record<string, unknown> & { id: number }): void
  remove(table: string, id: number): void
  broadcast(topic: string, payload: unknown): void
  /** Ends every connection, as a restart of the server does. */
  drop(): void
  /** Nobody answers for `ms`; then the same rows, at the same address, and subscribers have to join again. */
  crash(ms: number): Promise<void>
  connections(): number
  close(): Promise<void>
}

/** A Supabase project as far as we use it: Realtime's Phoenix protocol (version 2.0.0) and PostgREST's keyset reads. */
export async function startSupabase(): Promise<SupabaseServer> {
  const rows = new Map<string, StoredRow[]>()
  const subscribers = new Set<Subscriber>()
  const sent: { topic: string; at: number; payload: unknown }[] = []
  const tokens: string[] = []
  let lastMs = Date.now() - 3_600_000
  const faults: SupabaseServer['faults'] = {
    swallow: false,
    withoutValues: false,
    answerHeartbeats: true,
    refuseJoins: undefined,
  }

  const http = createServer((request, response) => void rest(request, response))
  const sockets = new WebSocketServer({ server: http, path: '/realtime/v1/websocket' })
  const tell = (to: Subscriber, event: string, payload: unknown) =>
    to.socket.send(JSON.stringify([to.joinRef, null, to.topic, event, payload]))

  async function rest(request: IncomingMessage, response: ServerResponse) {
    const url = new URL(request.url ?? '', 'http://rest')
    const bearer = request.headers.authorization?.replace('Bearer ', '') ?? ''
    if (request.headers.apikey !== KEY || !(await isValid(bearer))) return void response.writeHead(401).end()
    const table = /^\/rest\/v1\/(\w+)$/.exec(url.pathname)?.[1] ?? ''
    const found = (rows.get(table) ?? []).filter((row) => matches(row, url.searchParams))
    const order = (url.searchParams.get('order') ?? '').split(',').map((part) => part.replace(/\.asc$/, ''))
    found.sort((a, b) => order.map((name) => compare(a[name], b[name])).find((result) => result !== 0) ?? 0)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(found.slice(0, Number(url.searchParams.get('limit')))))
  }

  sockets.on('connection', (socket, request) => {
    if (new URL(request.url ?? '', 'http://ws').searchParams.get('apikey') !== KEY) return socket.close(1008)
    socket.on('close', () => {
      for (const one of subscribers) if (one.socket === socket) subscribers.delete(one)
    })
    socket.on('message', (data) => void receive(socket, String(data)))
  })

  async function receive(socket: WebSocket, text: string) {
    const [joinRef, ref, topic, event, payload] = JSON.parse(text) as [string, string, string, string, Payload]
    const reply = (status: 'ok' | 'error', answer: unknown) =>
      socket.send(JSON.stringify([joinRef, ref, topic, 'phx_reply', { status, response: answer }]))
    if (event === 'heartbeat') return faults.answerHeartbeats ? reply('ok', {}) : undefined
    if (event === 'access_token') {
      for (const one of subscribers)
        if (one.socket === socket && one.topic === topic) await expireWith(one, payload.access_token ?? '')
      return undefined
    }
    if (event !== 'phx_join') return reply('ok', {})
    if (faults.refuseJoins !== undefined) return reply('error', { reason: faults.refuseJoins })
    const { config = {}, access_token: token = '' } = payload
    if (!(await isValid(token))) return reply('error', { reason: 'Unauthorized: invalid token' })
    const changes = (config.postgres_changes ?? []).map((asked, i) => ({ ...asked, id: 1000 + i }))
    const one: Subscriber = { socket, topic, joinRef, changes, isLive: false, expires: undefined }
    subscribers.add(one)
    reply('ok', { postgres_changes: changes })
    await expireWith(one, token)
    const since = config.broadcast?.replay?.since
    if (since !== undefined)
      for (const message of sent.filter((found) => found.topic === topic && found.at >= since).slice(-25))
        tell(one, 'broadcast', { type: 'broadcast', event: 'e', payload: message.payload, meta: { replayed: true } })
    // The log is read from a moment after the join on; what is written before it is not told.
    setTimeout(() => {
      one.isLive = true
      if (changes.length > 0)
        tell(one, 'system', {
          extension: 'postgres_changes',
          status: 'ok',
          message: 'Subscribed to PostgreSQL',
          channel: topic,
        })
    }, 15)
    return undefined
  }

  async function expireWith(one: Subscriber, token: string) {
    tokens.push(token)
    clearTimeout(one.expires)
    if (token === KEY) return
    const { payload } = await jwtVerify(token, new TextEncoder().encode(JWT_SECRET))
    const left = (payload.exp ?? 0) * 1000 - Date.now()
    one.expires = setTimeout(() => {
      tell(one, 'system', { extension: 'system', status: 'error', message: 'Token has expired', channel: one.topic })
    }, left)
  }

  const change = (table: string, type: 'INSERT' | 'UPDATE' | 'DELETE', record: StoredRow | undefined, old: object) => {
    if (faults.swallow) return
    for (const one of subscribers) {
      const ids = one.changes.filter((asked) => asked.table === table).map(({ id }) => id)
      if (!one.isLive || ids.length === 0) continue
      const columns = Object.keys(record ?? old).map((name) => ({ name, type: name === 'id' ? 'int8' : 'text' }))
      const values = faults.withoutValues
        ? { record: {}, errors: ['Error 413: Payload Too Large'] }
        : { record, errors: null }
      const data = {
        schema: 'public',
        table,
        type,
        commit_timestamp: new Date().toISOString(),
        columns,
        old_record: old,
        ...values,
      }
      tell(one, 'postgres_changes', { ids, data })
    }
  }

  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    tokens,
    rows,
    faults,
    write(table, given) {
      lastMs += 1
      const stored = rows.get(table) ?? []
      rows.set(table, stored)
      const before = stored.find(({ id }) => id === given.id)
      // As PostgreSQL prints it, microseconds included.
      const updated_at = new Date(lastMs).toISOString().replace('Z', '123+00:00')
      const row: StoredRow = { created_at: updated_at, ...before, ...given, updated_at }
      if (before) stored.splice(stored.indexOf(before), 1)
      stored.push(row)
      change(table, before ? 'UPDATE' : 'INSERT', row, before ? { id: row.id } : {})
    },
    remove(table, id) {
      rows.set(
        table,
        (rows.get(table) ?? []).filter((row) => row.id !== id),
      )
      change(table, 'DELETE', undefined, { id })
    },
    broadcast(topic, payload) {
      sent.push({ topic: `realtime:${topic}`, at: Date.now(), payload })
      for (const one of subscribers)
        if (one.topic === `realtime:${topic}`) tell(one, 'broadcast', { type: 'broadcast', event: 'e', payload })
    },
    drop() {
      for (const socket of sockets.clients) socket.terminate()
    },
    async crash(ms) {
      const { port } = http.address() as AddressInfo
      for (const one of subscribers) clearTimeout(one.expires)
      for (const socket of sockets.clients) socket.terminate()
      subscribers.clear()
      const closed = new Promise((resolve) => http.close(resolve))
      http.closeAllConnections()
      await closed
      await new Promise((resolve) => setTimeout(resolve, ms))
      await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve))
    },
    connections: () => sockets.clients.size,
    async close() {
      for (const one of subscribers) clearTimeout(one.expires)
      for (const socket of sockets.clients) socket.terminate()
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

interface Payload {
  readonly access_token?: string
  readonly config?: {
    readonly postgres_changes?: readonly { schema: string; table: string; event: string }[]
    readonly broadcast?: { readonly replay?: { readonly since: number } }
  }
}

async function isValid(token: string): Promise<boolean> {
  if (token === KEY) return true
  return jwtVerify(token, new TextEncoder().encode(JWT_SECRET)).then(
    ({ payload }) => payload.role === 'service_role',
    () => false,
  )
}

const compare = (a: unknown, b: unknown): number =>
  typeof a === 'number' ? a - Number(b) : String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0

/** `updated_at=gte.X`, `updated_at=not.is.null`, and `or=(a.gt."x",and(a.eq."x",b.gt."y"))`. */
function matches(row: StoredRow, query: URLSearchParams): boolean {
  const since = query.get('updated_at')
  if (since?.startsWith('gte.') && Date.parse(row.updated_at) < Date.parse(since.slice(4))) return false
  const or = query.get('or')
  if (!or) return true
  return [...or.matchAll(/and\(([^)]*)\)|(\w+\.\w+\."(?:[^"\\]|\\.)*")/g)].some(([, and, one]) =>
    [...(and ?? one ?? '').matchAll(/(\w+)\.(eq|gt)\."((?:[^"\\]|\\.)*)"/g)].every(
      ([, name = '', operator, text = '']) => {
        const result = compare(row[name], typeof row[name] === 'number' ? Number(text) : text)
        return operator === 'eq' ? result === 0 : result > 0
      },
    ),
  )
}
