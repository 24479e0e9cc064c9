import { join } from 'node:path'
import { dueDays, landedFiles } from '../../db/landing/books.ts'
import { datasetNamed, relations } from '../../db/landing/datasets.ts'
import { copyWithout } from '../../db/landing/parquet.ts'
import { landDay, landRelation } from './land.ts'
import { download, inWorkshop, type Landing, publish } from './store.ts'

/**
 * Takes a member out of the landing zone: days that the database still holds land again, older files are copied without
 * the member. Returns how many files it rewrote.
 */
export function eraseFromLanding(
  landing: Landing,
  member: { readonly id: string; readonly replacement: string },
): Promise<number> {
  const { pool, objects, tenant } = landing
  return inWorkshop(async (shop) => {
    let rewritten = 0
    for (const day of await dueDays(pool, tenant.id)) {
      await landDay(landing, day, shop)
      rewritten += 1
    }
    for (const relation of relations) rewritten += (await landRelation(landing, relation, shop)).files
    const from = join(shop.directory, 'before.parquet')
    const to = join(shop.directory, 'after.parquet')
    for (const file of await landedFiles(pool, tenant.id)) {
      const dataset = datasetNamed(file.dataset)
      if (!('user_id' in dataset.columns) || !(await download(objects, file.object_key, from))) continue
      const content = await copyWithout(shop.duck, dataset, from, to, member)
      if (!content) continue
      await publish(landing, file.dataset, file.part, to, content, async () => true)
      rewritten += 1
    }
    return rewritten
  })
}
