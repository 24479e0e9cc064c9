import { join } from 'node:path'
import { Readable } from 'node:stream'
import { type MemberRow, memberRows } from '../../db/exports/member.ts'
import { landedFiles } from '../../db/landing/books.ts'
import { datasetNamed } from '../../db/landing/datasets.ts'
import { memberLines } from '../../db/landing/parquet.ts'
import { droppedBefore } from '../../db/landing/retention.ts'
import type { Tenant } from '../../db/tenant.ts'
import { download, inWorkshop, type Landing } from '../landing/store.ts'

type Where = Pick<Landing, 'pool' | 'objects'> & { readonly tenant: Tenant }
interface Whom {
  readonly user_id: string
  /** Keyed hash of it, as in the receipt of an erasure. */
  readonly member_hash: string
}

/** How the file reads to the person it is about. */
const ABOUT =
  'Everything that is stored about this member. `data`: rows by the table they are in. Names, addresses and other personal ' +
  'values in them were replaced by keyed hashes before they were stored; message text was never stored. `mentions`: events of ' +
  'others that name the member, and where. `archive`: what only the landing zone still holds.'

/**
 * Everything about one member as a JSON document, streamed: memory does not grow with it. `rows`: how many there were, once
 * it has ended.
 */
export function memberJson(where: Where, whom: Whom): { stream: Readable; rows: () => number } {
  let rows = 0
  const counted = async function* (pages: AsyncIterable<MemberRow[]>) {
    for await (const page of pages) {
      rows += page.length
      yield page
    }
  }
  const text = async function* () {
    const { tenant, pool } = where
    const head = {
      about: ABOUT,
      member: whom,
      tenant: { id: tenant.id, slug: tenant.slug, name: tenant.name, timezone: tenant.timezone },
      generated_at: new Date().toISOString(),
    }
    yield `${JSON.stringify(head).slice(0, -1)},\n"data": {`
    yield* bySource(
      counted(memberRows(pool, { tenant_id: tenant.id, subject: whom.user_id, member_hash: whom.member_hash })),
    )
    yield '},\n"archive": {'
    yield* bySource(counted(archivedRows(where, whom.user_id)))
    yield `},\n"rows": ${rows}}\n`
  }
  return { stream: Readable.from(text(), { objectMode: false }), rows: () => rows }
}

/** Rows that come source by source, as members of an object: `"events": [ … ], "members": [ … ]`. */
async function* bySource(pages: AsyncIterable<MemberRow[]>): AsyncGenerator<string> {
  let current: string | undefined
  for await (const page of pages) {
    let text = ''
    for (const { source, data } of page) {
      const isNext = source !== current
      if (isNext) text += `${current === undefined ? '' : '],'}\n${JSON.stringify(source)}: [`
      text += `${isNext ? '' : ','}\n${JSON.stringify(data)}`
      current = source
    }
    if (text !== '') yield text
  }
  if (current !== undefined) yield ']'
}

/** The member's rows in files of days that the retention has dropped from the database. */
async function* archivedRows({ pool, objects, tenant }: Where, userId: string): AsyncGenerator<MemberRow[]> {
  const before = await droppedBefore(pool)
  if (before === null) return
  const files = (await landedFiles(pool, tenant.id)).filter(
    ({ dataset, part }) => part < before && 'user_id' in datasetNamed(dataset).columns,
  )
  for (const { dataset, object_key } of files)
    yield await inWorkshop(async ({ directory, duck }) => {
      const path = join(directory, 'day.parquet')
      if (!(await download(objects, object_key, path))) return []
      return (await memberLines(duck, path, userId)).map((data) => ({ source: dataset, data }))
    })
}
