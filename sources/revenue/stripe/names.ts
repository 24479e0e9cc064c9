/** Ids of the ledger carry their provider, so that Stripe's and RevenueCat's can never be mistaken for each other. */
export const stripeId = (id: string): string => `stripe:${id}`
export const optionalStripeId = (id: string | null | undefined): string | null => (id ? stripeId(id) : null)

/** Unix seconds → ISO 8601 UTC with milliseconds. */
export const instantOf = (seconds: number): string => new Date(seconds * 1000).toISOString()
export const optionalInstant = (seconds: number | null | undefined): string | null =>
  seconds == null ? null : instantOf(seconds)

const MEMBER_KEYS = ['user_id', 'userId', 'member_id', 'memberId', 'app_user_id', 'upcoach_user_id'] as const
const OPAQUE_ID = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/

/** A member id is opaque; anything that could be an address or a name is not taken for one. */
export const memberId = (value: unknown): string | null =>
  typeof value === 'string' && OPAQUE_ID.test(value) ? value : null

/** The member a Stripe object names in its metadata, if any. */
export function memberIn(metadata: Record<string, unknown> | null | undefined): string | null {
  for (const key of MEMBER_KEYS) {
    const member = memberId(metadata?.[key])
    if (member !== null) return member
  }
  return null
}
