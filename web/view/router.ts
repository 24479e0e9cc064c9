import { useSyncExternalStore } from 'react'

/** The address is the state: views are paths, and what they show is in the query. */
const MOVED = 'upcoach:moved'

export function navigate(to: string, { replace = false } = {}): void {
  if (to === location.pathname + location.search) return
  if (replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  dispatchEvent(new Event(MOVED))
}

function subscribe(listener: () => void): () => void {
  addEventListener('popstate', listener)
  addEventListener(MOVED, listener)
  return () => {
    removeEventListener('popstate', listener)
    removeEventListener(MOVED, listener)
  }
}

export const usePath = (): string => useSyncExternalStore(subscribe, () => location.pathname)
export const useSearch = (): string => useSyncExternalStore(subscribe, () => location.search)
