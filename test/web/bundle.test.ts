import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { builtWeb } from '../../cli/web.ts'

const manifestSchema = z.record(
  z.string(),
  z.object({
    file: z.string(),
    isEntry: z.boolean().optional(),
    imports: z.array(z.string()).default([]),
    dynamicImports: z.array(z.string()).default([]),
  }),
)

const BUDGET = 300_000

let dist: string
let manifest: z.infer<typeof manifestSchema>
beforeAll(async () => {
  dist = (await builtWeb({ info: () => undefined, warn: () => undefined })) ?? ''
  manifest = manifestSchema.parse(JSON.parse(await readFile(join(dist, '.vite', 'manifest.json'), 'utf8')))
}, 120_000)

/** A chunk and everything it imports at once. */
function closure(name: string, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found
  found.add(name)
  for (const other of manifest[name]?.imports ?? []) closure(other, found)
  return found
}
const gzipped = async (names: Iterable<string>) => {
  let bytes = 0
  for (const name of names) bytes += (await stat(join(dist, `${manifest[name]?.file}.gz`))).size
  return bytes
}

describe('the bundle', () => {
  test.each(['overview', 'today', 'revenue'])(
    'a first load of %s stays within 300 kB of gzipped script',
    async (name) => {
      const landing = closure(`dashboards/${name}.tsx`, closure('index.html'))
      expect(await gzipped(landing)).toBeLessThan(BUDGET)
    },
  )

  test('the landing view carries no charts', () => {
    const landing = closure('dashboards/overview.tsx', closure('index.html'))
    const charts = closure('dashboards/engagement.tsx')
    expect([...charts].filter((name) => !landing.has(name)).length).toBeGreaterThan(0)
    expect(closure('index.html').size).toBeLessThan(charts.size + landing.size)
  })

  test('the page has no script, style or handler of its own, and names its files by their content', async () => {
    const html = await readFile(join(dist, 'index.html'), 'utf8')
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)/)
    expect(html).not.toMatch(/<style|\son\w+=|https?:\/\/|style=/)
    for (const [, file = ''] of html.matchAll(/(?:src|href)="([^"]+)"/g))
      expect(file).toMatch(/^\/assets\/[\w-]+-[\w-]{8}\.\w+$/)
  })
})
