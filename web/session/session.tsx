import { createContext, type ReactNode, useContext, useMemo } from 'react'
import type { z } from 'zod'
import type { sessionAnswerSchema } from '../../api/schemas/session.ts'
import { type Format, formatFor } from '../format.ts'

export type Session = z.infer<typeof sessionAnswerSchema>

const SessionContext = createContext<{ session: Session; format: Format } | undefined>(undefined)

export function SessionProvider({ session, children }: { session: Session; children: ReactNode }) {
  const value = useMemo(() => ({ session, format: formatFor(session.tenant) }), [session])
  return <SessionContext value={value}>{children}</SessionContext>
}

function useSessionContext() {
  const value = useContext(SessionContext)
  if (value === undefined) throw new Error('this part of the page needs a session')
  return value
}

export const useSession = (): Session => useSessionContext().session
/** Numbers and dates as the tenant writes them. */
export const useFormat = (): Format => useSessionContext().format
