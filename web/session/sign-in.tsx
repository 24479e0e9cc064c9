import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { signInAnswerSchema } from '../../api/schemas/session.ts'
import { ask } from '../api/client.ts'
import { Mark } from '../ui/icons.tsx'
import { takeSignInError } from './sign-in-error.ts'
import { setToken } from './token.ts'

/** The page of somebody without a (valid) token. */
export function SignIn({ reason }: { reason?: string | undefined }) {
  const [text, setText] = useState('')
  const [failed, setFailed] = useState(takeSignInError)
  const { data } = useQuery({
    queryKey: ['/sign-in'],
    queryFn: ({ signal }) => ask({ path: '/sign-in', schema: signInAnswerSchema, signal }),
    staleTime: Number.POSITIVE_INFINITY,
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const token = text.trim()
    if (/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token)) setToken(token)
    else setFailed('That is not a token: it has three parts with dots between them.')
  }
  const toProvider = async () => {
    const { startSignIn } = await import('./oidc.ts')
    await startSignIn().catch(() => setFailed('The identity provider cannot be reached. Try again.'))
  }
  return (
    <main className="centred">
      <section className="sheet" aria-labelledby="sign-in">
        <Mark />
        <h1 id="sign-in">Sign in to analytics</h1>
        {reason && (
          <p className="notice" role="alert">
            {reason}
          </p>
        )}
        {data?.oidc && (
          <button type="button" className="button primary wide" onClick={toProvider}>
            Continue with single sign-on
          </button>
        )}
        {data && !data.oidc && (
          <form onSubmit={submit}>
            <label htmlFor="token">Access token</label>
            <textarea
              id="token"
              rows={4}
              value={text}
              onChange={(event) => setText(event.target.value)}
              autoComplete="off"
              spellCheck={false}
            />
            <p className="hint">
              From your administrator, or <code>npm run --silent token -- --tenant … --role admin</code>. It stays in
              this tab.
            </p>
            <button type="submit" className="button primary wide">
              Sign in
            </button>
          </form>
        )}
        {failed && (
          <p className="notice" role="alert">
            {failed}
          </p>
        )}
      </section>
    </main>
  )
}
