import { UserManager, WebStorageStateStore } from 'oidc-client-ts'
import { signInAnswerSchema } from '../../api/schemas/session.ts'
import { ask } from '../api/client.ts'
import { keepSignInError } from './sign-in-error.ts'
import { currentToken, setToken } from './token.ts'

const STORED = 'upcoach.oidc.'

/** The configured provider; undefined when tokens are handed out instead. */
async function userManager(): Promise<UserManager | undefined> {
  const { oidc } = await ask({ path: '/sign-in', schema: signInAnswerSchema })
  if (oidc === null) return undefined
  return new UserManager({
    authority: oidc.issuer,
    client_id: oidc.client_id,
    scope: oidc.scope,
    redirect_uri: `${location.origin}/`,
    response_type: 'code',
    // Tokens never reach local storage; what waits during the redirect ends with the tab.
    userStore: new WebStorageStateStore({ store: sessionStorage, prefix: STORED }),
    stateStore: new WebStorageStateStore({ store: sessionStorage, prefix: STORED }),
    automaticSilentRenew: false,
  })
}

/** Verifiers, states and the provider's own tokens: no attempt leaves any behind. */
function forgetRedirect(): void {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(STORED)) sessionStorage.removeItem(key)
}

/** Leaves for the provider; comes back to where one was. */
export async function startSignIn(): Promise<void> {
  const manager = await userManager()
  await manager?.signinRedirect({ state: { at: location.pathname + location.search } })
}

/** Redeems the code in the address; the address is clean afterwards, whatever came of it. */
export async function completeSignIn(): Promise<void> {
  let at = location.pathname
  try {
    const manager = await userManager()
    const user = await manager?.signinRedirectCallback()
    const state = user?.state as { at?: unknown } | undefined
    if (typeof state?.at === 'string' && state.at.startsWith('/') && !state.at.startsWith('//')) at = state.at
    if (user) setToken(user.access_token)
  } catch {
    // Somebody who is signed in asked for nothing: an answer that does not fit is not theirs.
    if (currentToken() === undefined) keepSignInError('The identity provider did not sign you in. Try again.')
  }
  forgetRedirect()
  history.replaceState(null, '', at)
}
