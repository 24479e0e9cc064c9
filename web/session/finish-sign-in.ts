/** Back from the identity provider (`?code=…&state=…`): the code becomes a token before anything is drawn. */
export async function finishSignIn(): Promise<void> {
  const query = new URLSearchParams(location.search)
  if (!query.has('state') || !(query.has('code') || query.has('error'))) return
  const { completeSignIn } = await import('./oidc.ts')
  await completeSignIn()
}
