import type { TenantContext } from './tenant-context.ts'

/** What the routes below /api/analytics share. */
export interface AnalyticsOptions {
  /** The tenant of a token; 401 when it does not exist. */
  readonly contextOf: (tenantId: string) => Promise<TenantContext>
  /** Called after new events were stored, so that the ledgers are folded soon. */
  readonly ingested: () => void
  /** Called after the erasure of a member was asked for, so that it begins now. */
  readonly erasing: () => void
  /** Called after an export was asked for, so that a worker takes it up soon. */
  readonly exportRequested: () => void
}
