import { UserManager, WebStorageStateStore } from 'oidc-client-ts'
import { signInAnswerSchema } from '../../api/schemas/session.ts'
import { ask } from '../api/client.ts'
import { keepSignInError } from './sign-in-error.ts'
import { setToken } from './token.ts'

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
    userStore: new WebStorageStateStore({ store: sessionStorage }),
    stateStore: new WebStorageStateStore({ store: sessionStorage }),
    automaticSilentRenew: false,
  })
}

/** Leaves for the provider; comes back to where one was. */
export async function startSignIn(): Promise<void> {
  const manager = await userManager()
  await manager?.signinRedirect({ state: { at: location.pathname + location.search } })
}

/** Redeems the code in the address; the address is clean afterwards, whatever came of it. */
export async function completeSignIn(): Promise<void> {
  let at = '/'
  try {
    const manager = await userManager()
    const user = await manager?.signinRedirectCallback()
    const state = user?.state as { at?: unknown } | undefined
    if (typeof state?.at === 'string' && state.at.startsWith('/') && !state.at.startsWith('//')) at = state.at
    if (user) setToken(user.access_token)
    await manager?.removeUser()
  } catch {
    keepSignInError('The identity provider did not sign you in. Try again.')
  }
  history.replaceState(null, '', at)
}
