import { useSyncExternalStore } from 'react'

/** The token of this tab. It is kept for the tab's life only, and never in an address, cookie or local storage. */
const KEY = 'upcoach.token'
const listeners = new Set<() => void>()
let token = stored()

function stored(): string | undefined {
  try {
    return sessionStorage.getItem(KEY) ?? undefined
  } catch {
    // Storage is blocked (a framed page, a strict browser): the token lives in memory.
    return undefined
  }
}

export const currentToken = (): string | undefined => token

export function setToken(value: string | undefined): void {
  token = value
  try {
    if (value === undefined) sessionStorage.removeItem(KEY)
    else sessionStorage.setItem(KEY, value)
  } catch {
    // as above
  }
  for (const listener of listeners) listener()
}

export function useToken(): string | undefined {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => token,
  )
}

/** Takes `#token=…` out of the address bar and out of the history before anything is drawn or sent. */
export function takeTokenFromAddress(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get('token')
  if (given === null) return
  history.replaceState(null, '', location.pathname + location.search)
  setToken(given.trim() || undefined)
}
