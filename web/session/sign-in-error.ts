const KEY = 'upcoach.sign-in-error'

/** Why the last visit to the identity provider failed, kept across the redirect and shown once. */
export const keepSignInError = (message: string): void => sessionStorage.setItem(KEY, message)

export function takeSignInError(): string | undefined {
  const message = sessionStorage.getItem(KEY) ?? undefined
  sessionStorage.removeItem(KEY)
  return message
}
