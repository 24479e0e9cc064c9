import { z } from 'zod'
import { categories } from '../../metrics/metric.ts'

/** Money is integers in minor units of an ISO 4217 currency: JPY has 0 digits, USD 2, KWD 3. */
const moneyUnitSchema = z
  .object({ kind: z.literal('money'), currency: z.string().length(3), digits: z.int().min(0).max(4) })
  .meta({ id: 'MoneyUnit', examples: [{ kind: 'money', currency: 'USD', digits: 2 }] })

/** What a value counts. */
export const unitSchema = z
  .union([moneyUnitSchema, z.object({ kind: z.enum(['ratio', 'count', 'minutes', 'seconds', 'score', 'days']) })])
  .meta({ id: 'Unit' })

/** What the business wants: the value itself, or its change against the previous period, at least or at most this. */
export const targetSchema = z
  .object({
    value: z.number(),
    direction: z.enum(['at_least', 'at_most']),
    of: z.enum(['value', 'change']).describe('`change` is relative: 0.25 means 25 % more than the previous period.'),
  })
  .meta({ id: 'Target', examples: [{ value: 0.65, direction: 'at_least', of: 'value' }] })

/** What every description of a metric says besides its numbers. */
export const meaningFields = {
  category: z.enum(categories).describe('The pillar of the business it belongs to.'),
  better: z.literal('lower').optional().describe('`lower`: a fall is good news (waiting, churn).'),
}
