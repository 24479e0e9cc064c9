import { WaitedTooLong } from '../db/turns.ts'
import { ApiError, errors } from './errors.ts'

const RETRY_AFTER_SECONDS = 5

/** Socket failures of a client that lost, or never had, its server. ENOENT: the embedded engine's socket is gone. */
const socketCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOENT', 'ENOTFOUND', 'EAI_AGAIN'])
/** pg reports these without any code. */
const connectionMessages = [
  /^Connection terminated/,
  /^Client has encountered a connection error/,
  /^timeout exceeded when trying to connect/,
  /^Client was closed and is not queryable/,
  /^Cannot use a pool after calling end/,
]
/** SQLSTATE: serialisation failure, deadlock, cancelled by statement_timeout, lock timeout. */
const busyStates = new Set(['40001', '40P01', '57014', '55P03'])

/** pg's own limit on a query, which has no SQLSTATE. */
const busyMessage = /^Query read timeout/

const isUnavailableState = (code: string) =>
  code.startsWith('08') || code === '57P01' || code === '57P02' || code === '57P03' || code === '53300'

/** The 503 used wherever the database cannot be reached; `cause` is logged and never sent. */
export const databaseUnavailable = (cause?: unknown): ApiError =>
  new ApiError(errors.DATABASE_UNAVAILABLE, { headers: { 'retry-after': String(RETRY_AFTER_SECONDS) }, cause })

// ENOENT of a file is a fault of ours; only a failed connect, read or write means the server is gone.
const isLostSocket = ({ code, syscall }: NodeJS.ErrnoException): boolean =>
  socketCodes.has(code ?? '') && (/^(connect|read|write|getaddrinfo)$/.test(syscall ?? '') || code === 'ENOTFOUND')

const isUnavailable = (error: NodeJS.ErrnoException): boolean =>
  isUnavailableState(error.code ?? '') || isLostSocket(error) || connectionMessages.some((m) => m.test(error.message))

const isBusy = (error: NodeJS.ErrnoException): boolean =>
  busyStates.has(error.code ?? '') || busyMessage.test(error.message)

/** The error, the errors it bundles (one per address tried) and its causes, outermost first. */
function chain(error: unknown, depth = 0): Error[] {
  if (!(error instanceof Error) || depth > 5) return []
  const bundled = error instanceof AggregateError ? error.errors.flatMap((e: unknown) => chain(e, depth + 1)) : []
  return [error, ...bundled, ...chain(error.cause, depth + 1)]
}

/** Turns a lost connection or an overloaded server into its 503; undefined for every other error. */
export function databaseError(error: unknown): ApiError | undefined {
  const found = chain(error)
  if (found.some(isUnavailable)) return databaseUnavailable(error)
  if (found.some((one) => one instanceof WaitedTooLong))
    return new ApiError(errors.OVERLOADED, { headers: { 'retry-after': '1' }, cause: error })
  if (found.some(isBusy)) return new ApiError(errors.DATABASE_BUSY, { headers: { 'retry-after': '1' }, cause: error })
  return undefined
}
