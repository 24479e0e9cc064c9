import { keepPreviousData, QueryClient, type UseQueryResult, useQuery } from '@tanstack/react-query'
import type { z } from 'zod'
import { ask, type Parameters, Problem } from './client.ts'

/** Numbers move with each refresh of the aggregates; asking more often than this shows nothing new. */
const FRESH_MS = 45_000
const TRIES = 4

export const createQueryClient = (): QueryClient =>
  new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: FRESH_MS,
        retry: (count, error) => error instanceof Problem && error.isPassing && count < TRIES,
        retryDelay: (count, error) =>
          error instanceof Problem && error.retryAfterSeconds !== undefined
            ? Math.min(error.retryAfterSeconds, 60) * 1000
            : 500 * 2 ** count,
      },
    },
  })

export interface ReadOptions {
  readonly enabled?: boolean
  /** Asks again this often, for what somebody watches. */
  readonly everyMs?: number | false
}

/** Reads one route of the API; while parameters change, the last answer stays on the page. */
export function useRead<S extends z.ZodType>(
  path: string,
  schema: S,
  parameters: Parameters = {},
  { enabled = true, everyMs = false }: ReadOptions = {},
): UseQueryResult<z.output<S>, Error> {
  return useQuery<z.output<S>, Error>({
    queryKey: [path, parameters],
    queryFn: ({ signal }) => ask({ path, schema, parameters, signal }),
    placeholderData: keepPreviousData,
    enabled,
    refetchInterval: everyMs,
  })
}
