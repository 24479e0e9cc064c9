import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Problem } from '../api/client.ts'

const advice = (error: Error): string => {
  if (!(error instanceof Problem)) return 'Something on this page broke.'
  if (error.status === 429) return 'Many people are looking at once. It will be asked again in a moment.'
  if (error.status === 403) return 'Your role does not see this.'
  return error.message
}

/** What went wrong, and a way to try again. */
export function Failure({ error, retry, isBusy }: { error: Error; retry: () => unknown; isBusy?: boolean }) {
  return (
    <div className="state failure" role="alert">
      <strong>This could not be loaded</strong>
      <p>{advice(error)}</p>
      <button type="button" className="button" onClick={() => retry()} disabled={isBusy ?? false}>
        {isBusy ? 'Trying …' : 'Try again'}
      </button>
    </div>
  )
}

/** Nothing to show yet, and what to send so that there is. */
export function Empty({ title = 'Nothing here yet', children }: { title?: string; children: ReactNode }) {
  return (
    <div className="state">
      <strong>{title}</strong>
      <p>{children}</p>
    </div>
  )
}

export function Skeleton({ height = 260 }: { height?: number }) {
  return <div className="skeleton" style={{ height }} aria-hidden="true" />
}

export function PageSkeleton() {
  return (
    <div className="page" aria-busy="true">
      <span className="sr" role="status">
        Loading
      </span>
      <Skeleton height={40} />
      <Skeleton height={120} />
      <Skeleton height={320} />
    </div>
  )
}

interface LoadedProps<T> {
  readonly query: UseQueryResult<T, Error>
  readonly height?: number
  /** Instead of the content when it says nothing yet. */
  readonly empty?: (data: T) => ReactNode | false
  readonly children: (data: T) => ReactNode
}

/** The states of a read: skeleton, failure with retry, empty, content (dimmed while a newer answer is on its way). */
export function Loaded<T>({ query, height, empty, children }: LoadedProps<T>) {
  const { data, error, refetch, isFetching, isPlaceholderData } = query
  if (data === undefined)
    return error ? (
      <Failure error={error} retry={refetch} isBusy={isFetching} />
    ) : (
      <Skeleton {...(height ? { height } : {})} />
    )
  const nothing = empty?.(data)
  return (
    <div className={isPlaceholderData ? 'loaded stale' : 'loaded'} aria-busy={isPlaceholderData}>
      {error && <Failure error={error} retry={refetch} isBusy={isFetching} />}
      {nothing || children(data)}
    </div>
  )
}
