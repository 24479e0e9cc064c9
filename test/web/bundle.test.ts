import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { closure, firstLoadBytes, landings, readManifest } from '../../bench/web-size.ts'
import { builtWeb } from '../../cli/web.ts'

const BUDGET = 300_000

let dist: string
beforeAll(async () => {
  dist = (await builtWeb({ info: () => undefined, warn: () => undefined })) ?? ''
}, 120_000)

describe('the bundle', () => {
  test.each(landings)('a first load of %s stays within 300 kB of gzipped script', async (name) => {
    expect(await firstLoadBytes(dist, name)).toBeLessThan(BUDGET)
  })

  test('the landing view carries no charts', async () => {
    const manifest = await readManifest(dist)
    const landing = closure(manifest, 'dashboards/overview.tsx', closure(manifest, 'index.html'))
    const charts = closure(manifest, 'dashboards/engagement.tsx')
    expect([...charts].filter((name) => !landing.has(name)).length).toBeGreaterThan(0)
    expect(closure(manifest, 'index.html').size).toBeLessThan(charts.size + landing.size)
  })

  test('the page has no script, style or handler of its own, and names its files by their content', async () => {
    const html = await readFile(join(dist, 'index.html'), 'utf8')
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)/)
    expect(html).not.toMatch(/<style|\son\w+=|https?:\/\/|style=/)
    for (const [, file = ''] of html.matchAll(/(?:src|href)="([^"]+)"/g))
      expect(file).toMatch(/^\/assets\/[\w-]+-[\w-]{8}\.\w+$/)
  })
})
