import type { z } from 'zod'
import { problemSchema } from '../../api/schemas/problem.ts'
import { currentToken } from '../session/token.ts'

const BASE = '/api/analytics'

/** Why there is no answer; `code` is the API's own (api/errors.ts), or one of ours: unreachable, unreadable. */
export class Problem extends Error {
  readonly code: string
  readonly status: number
  readonly retryAfterSeconds: number | undefined

  constructor(code: string, status: number, message: string, retryAfterSeconds?: number) {
    super(message)
    this.name = 'Problem'
    this.code = code
    this.status = status
    this.retryAfterSeconds = retryAfterSeconds
  }

  /** Worth asking again without changing anything. */
  get isPassing(): boolean {
    return this.status === 429 || this.status === 503 || this.code === 'unreachable'
  }
}

export type Parameters = Readonly<Record<string, string | readonly string[] | undefined>>

export interface Request<S extends z.ZodType> {
  readonly path: string
  readonly schema: S
  readonly parameters?: Parameters
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** The address of a read, its parameters in a fixed order, empty ones left out. */
export function addressOf(path: string, parameters: Parameters = {}): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters).sort(([a], [b]) => a.localeCompare(b)))
    if (value !== undefined && value.length > 0) query.set(name, typeof value === 'string' ? value : value.join(','))
  const text = query.toString()
  return `${BASE}${path}${text && `?${text}`}`
}

/** One request; the answer is checked against the very schema the API answers by. Throws a Problem. */
export async function ask<S extends z.ZodType>(request: Request<S>): Promise<z.output<S>> {
  const response = await send(request)
  const parsed = request.schema.safeParse(await bodyOf(response))
  if (parsed.success) return parsed.data
  const where = parsed.error.issues[0]?.path.join('.') ?? ''
  throw new Problem('unreadable', response.status, `The answer is not what this page expects (${where}). Reload it.`)
}

async function send({ path, parameters, method = 'GET', body, headers, signal }: Request<z.ZodType>) {
  const token = currentToken()
  const response = await fetch(addressOf(path, parameters), {
    method,
    headers: {
      accept: 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new Problem('unreachable', 0, 'The server cannot be reached. Check the connection.')
  })
  if (response.ok) return response
  const problem = problemSchema.safeParse(await bodyOf(response))
  const retryAfter = Number(response.headers.get('retry-after')) || undefined
  if (!problem.success) throw new Problem('unreadable', response.status, `The server answered ${response.status}.`)
  const { code, title, detail, errors } = problem.data
  const fields = errors?.map(({ path, message }) => `${path}: ${message}`).join('; ')
  throw new Problem(code, response.status, fields ?? (detail || title), retryAfter)
}

const bodyOf = (response: Response): Promise<unknown> => response.json().catch(() => undefined)
