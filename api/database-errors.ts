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

const isUnavailableState = (code: string) =>
  code.startsWith('08') || code === '57P01' || code === '57P02' || code === '57P03' || code === '53300'

/** The 503 used wherever the database cannot be reached; `cause` is logged and never sent. */
export const databaseUnavailable = (cause?: unknown): ApiError =>
  new ApiError(errors.DATABASE_UNAVAILABLE, { headers: { 'retry-after': String(RETRY_AFTER_SECONDS) }, cause })

/** Turns a lost connection or an overloaded server into its 503; undefined for every other error. */
export function databaseError(error: unknown): ApiError | undefined {
  for (let depth = 0, at: unknown = error; depth < 5 && at instanceof Error; depth += 1, at = at.cause) {
    const { code, syscall } = at as NodeJS.ErrnoException
    if (at instanceof AggregateError && at.errors.some((e: unknown) => databaseError(e)))
      return databaseUnavailable(error)
    if (typeof code === 'string') {
      if (isUnavailableState(code)) return databaseUnavailable(error)
      // ENOENT of a file is a fault of ours; only a failed connect means the server is gone.
      if (
        socketCodes.has(code) &&
        (syscall === 'connect' || syscall === 'read' || syscall === 'write' || code === 'ENOTFOUND')
      )
        return databaseUnavailable(error)
      if (busyStates.has(code))
        return new ApiError(errors.DATABASE_BUSY, { headers: { 'retry-after': '1' }, cause: error })
    }
    if (connectionMessages.some((m) => m.test(at instanceof Error ? at.message : ''))) return databaseUnavailable(error)
  }
  return undefined
}
