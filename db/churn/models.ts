import type pg from 'pg'
import type { Evaluation } from '../../metrics/churn/evaluate.ts'
import type { ChurnModel } from '../../metrics/churn/model.ts'
import { PRIOR_NAME, priorModel } from '../../metrics/churn/prior.ts'
import { loadSql } from '../sql.ts'

const modelsSql = loadSql(new URL('./models.sql', import.meta.url))

/** A refit as it was stored. */
export interface StoredModel {
  readonly id: number
  readonly trained_at: string
  /** The last local day whose outcome was known. */
  readonly as_of: string
  readonly accepted: boolean
  readonly reason: string
  readonly members: number
  readonly observations: number
  readonly model: ChurnModel | null
  readonly evaluation: Evaluation | null
}

export interface ModelInUse {
  /** prior-<n>, or tenant-<id>. */
  readonly name: string
  readonly model: ChurnModel
  /** undefined: the shipped prior. */
  readonly stored: StoredModel | undefined
}

/**
 * The model that scores a tenant's members: the latest accepted refit, else the shipped prior; and the latest refit, accepted
 * or not. Call inside a tenant transaction (`withTenant`).
 */
export async function readModels(
  client: pg.ClientBase,
): Promise<{ inUse: ModelInUse; lastAttempt: StoredModel | undefined }> {
  const { rows } = await client.query<StoredModel>(modelsSql.bind({}))
  const stored = rows.find(({ accepted }) => accepted)
  const inUse =
    stored?.model == null
      ? { name: PRIOR_NAME, model: priorModel, stored: undefined }
      : { name: `tenant-${stored.id}`, model: stored.model, stored }
  return { inUse, lastAttempt: rows[0] }
}
