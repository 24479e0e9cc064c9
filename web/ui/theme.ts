import { useSyncExternalStore } from 'react'

/** Light, dark, or what the system says. Only this choice is remembered between visits. */
export type Theme = 'system' | 'light' | 'dark'
const KEY = 'upcoach.theme'
const CHANGED = 'upcoach:theme'

function chosen(): Theme {
  // The page that frames us knows which of its own it has.
  const asked = location.pathname.startsWith('/embed/') ? new URLSearchParams(location.search).get('theme') : null
  if (asked === 'light' || asked === 'dark') return asked
  try {
    const value = localStorage.getItem(KEY)
    return value === 'light' || value === 'dark' ? value : 'system'
  } catch {
    return 'system'
  }
}

export function applyTheme(): void {
  const theme = chosen()
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
}

export function setTheme(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme)
  } catch {
    // Storage is blocked: the choice cannot be kept.
  }
  applyTheme()
  dispatchEvent(new Event(CHANGED))
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    addEventListener(CHANGED, listener)
    return () => removeEventListener(CHANGED, listener)
  }, chosen)
}
