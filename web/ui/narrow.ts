import { useSyncExternalStore } from 'react'

const query = matchMedia('(max-width: 640px)')

/** A phone: labels that stand side by side elsewhere do not fit. */
export const useNarrow = (): boolean =>
  useSyncExternalStore(
    (listener) => {
      query.addEventListener('change', listener)
      return () => query.removeEventListener('change', listener)
    },
    () => query.matches,
  )
