import { QueryClientProvider } from '@tanstack/react-query'
import { useMemo } from 'react'
import { sessionAnswerSchema } from '../api/schemas/session.ts'
import { Problem } from './api/client.ts'
import { createQueryClient, useRead } from './api/queries.ts'
import { EmbedContext } from './session/embed.ts'
import { SessionProvider } from './session/session.tsx'
import { SignIn } from './session/sign-in.tsx'
import { setToken, useToken } from './session/token.ts'
import { FeatureOff } from './ui/feature-off.tsx'
import { EmbedShell, Shell } from './ui/shell.tsx'
import { Failure } from './ui/state.tsx'
import { usePath } from './view/router.ts'

/** Signed in, allowed, switched on: then the dashboards. What one token has read is not kept for the next. */
export function App() {
  const token = useToken()
  const embed = embedOf(usePath())
  const client = useMemo(createQueryClient, [token])
  return (
    <QueryClientProvider client={client}>
      {token !== undefined ? <Session key={token} embed={embed} /> : embed ? <EmbedEnded /> : <SignIn />}
    </QueryClientProvider>
  )
}

const embedOf = (path: string): string | undefined => /^\/embed\/([a-z-]+)(?:\/[\w-]+)?$/.exec(path)?.[1]

function Session({ embed }: { embed: string | undefined }) {
  const { data: session, error, refetch, isFetching } = useRead('/session', sessionAnswerSchema)
  if (error instanceof Problem && error.status === 401) {
    if (embed) return <EmbedEnded />
    return <SignIn reason={error.code === 'token_expired' ? 'Your session has ended. Sign in again.' : error.message} />
  }
  if (error)
    return (
      <main className="centred">
        <section className="sheet">
          <Failure error={error} retry={refetch} isBusy={isFetching} />
          <button type="button" className="button" onClick={() => setToken(undefined)}>
            Sign in as somebody else
          </button>
        </section>
      </main>
    )
  if (!session)
    return (
      <main className="centred" aria-busy="true">
        <p className="quiet">Opening …</p>
      </main>
    )
  if (!session.features.analytics_v2) return <FeatureOff tenant={session.tenant} />
  return (
    <SessionProvider session={session}>
      <EmbedContext value={embed}>{embed ? <EmbedShell dashboard={embed} /> : <Shell />}</EmbedContext>
    </SessionProvider>
  )
}

function EmbedEnded() {
  return (
    <main className="centred">
      <section className="sheet">
        <h1>This link has ended</h1>
        <p>Embedded dashboards are open for a limited time. Reload the page that shows it to get a new one.</p>
      </section>
    </main>
  )
}
