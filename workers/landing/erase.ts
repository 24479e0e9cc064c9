import { join } from 'node:path'
import { dueDays, landedFiles } from '../../db/landing/books.ts'
import { datasetNamed, relations } from '../../db/landing/datasets.ts'
import { copyWithout } from '../../db/landing/parquet.ts'
import { landDay, landRelation } from './land.ts'
import { download, inWorkshop, type Landing, publish } from './store.ts'

/**
 * Takes a member out of the landing zone: days that the database still holds land again, older files are copied without
 * the member. Tells how many files it rewrote as soon as they are in the store: an erasure that is interrupted counts them, too.
 */
export function eraseFromLanding(
  landing: Landing,
  member: { readonly id: string; readonly replacement: string },
  onRewritten: (files: number) => Promise<void>,
): Promise<void> {
  const { pool, objects, tenant } = landing
  return inWorkshop(async (shop) => {
    for (const day of await dueDays(pool, tenant.id)) {
      await landDay(landing, day, shop)
      await onRewritten(1)
    }
    for (const relation of relations) await onRewritten((await landRelation(landing, relation, shop)).files)
    const from = join(shop.directory, 'before.parquet')
    const to = join(shop.directory, 'after.parquet')
    for (const file of await landedFiles(pool, tenant.id)) {
      const dataset = datasetNamed(file.dataset)
      if (!('user_id' in dataset.columns) || !(await download(objects, file.object_key, from))) continue
      const content = await copyWithout(shop.duck, dataset, from, to, member)
      if (!content) continue
      await publish(landing, file.dataset, file.part, to, content, async () => true)
      await onRewritten(1)
    }
  })
}
