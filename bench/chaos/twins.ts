import type pg from 'pg'
import { acceptEvents } from '../../db/accept-events.ts'
import { refreshTouched } from '../../db/aggregates.ts'
import { foldDirty } from '../../db/ledgers.ts'
import { createTenant, type Tenant } from '../../db/tenant.ts'
import { settled } from './check.ts'
import { differences, metricPoints, takePicture } from './picture.ts'
import type { Outcome, Run, Survivor } from './runs.ts'

/** A twin to whom nothing happened gets the same events, in order and in one piece. */
async function twinOf(pool: pg.Pool, { tenant, stored }: Survivor): Promise<Tenant> {
  const { slug, timezone } = tenant
  const twin = await createTenant(pool, { slug: `${slug}-control`, timezone, currency: 'USD' })
  await acceptEvents(pool, { tenant: twin, piiKey: Buffer.alloc(32, 1) }, { events: [...stored] })
  return twin
}

/** What the workers would do with the twins' events, without their pauses; they may do some of it, too. */
async function fold(pool: pg.Pool): Promise<void> {
  while ((await foldDirty(pool)).members > 0);
  await refreshTouched(pool)
  await settled(pool)
}

/**
 * Compares each run's tenant, as it was when its run was over, with a twin; twins of several runs are folded together, which
 * costs little more than one. Of the last one every metric is compared as well: what they are made of is, of each.
 */
export async function withTwins(pool: pg.Pool, runs: readonly Run[]): Promise<Outcome[]> {
  const survivors = runs.flatMap(({ survivor }) => survivor ?? [])
  const last = survivors.at(-1)
  const found = new Map<Survivor, string[]>()
  const twins = new Map<Survivor, Tenant>()
  for (const survivor of survivors) twins.set(survivor, await twinOf(pool, survivor))
  await fold(pool)
  for (const [survivor, twin] of twins) {
    const { tenant, days, picture } = survivor
    const expected = await takePicture(pool, twin, days)
    if (Object.values(expected).every((rows) => rows.length === 0)) throw new Error('the twin has no rows')
    const wrong = differences(picture, expected)
    const metrics =
      survivor === last ? differences(await metricPoints(pool, tenant, days), await metricPoints(pool, twin, days)) : []
    found.set(survivor, [
      ...(wrong.length > 0 ? [`differs from a fresh computation: ${wrong.join(', ')}`] : []),
      ...(metrics.length > 0 ? [`metrics differ from a fresh computation: ${metrics.join(', ')}`] : []),
    ])
  }
  return runs.map(({ outcome, survivor }) => ({
    ...outcome,
    violations: [...outcome.violations, ...((survivor && found.get(survivor)) ?? [])],
  }))
}
