import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { provisionedDashboards } from '../support/grafana-dashboards.ts'
import { openPlatform, type Platform } from '../support/platform.ts'
import { hasChromium, openChromium } from '../web/chromium.ts'

interface Document {
  readonly paths: Record<string, Record<string, { readonly operationId?: string; readonly tags?: readonly string[] }>>
}

let platform: Platform
beforeAll(async () => {
  platform = await openPlatform()
}, 60_000)
afterAll(() => platform.close())

describe('links to the API’s documentation', () => {
  const dashboards = provisionedDashboards()
  const links = dashboards.flatMap(({ json, panels }) =>
    panels.flatMap(({ title, fieldConfig, links = [] }) =>
      [...(fieldConfig.defaults.links ?? []), ...links].map(({ url }) => ({
        where: `${json.title}, ${title}`,
        url: url ?? '',
      })),
    ),
  )

  test('name an operation of the OpenAPI document', async () => {
    const { body } = await platform.app.inject('/documentation/json')
    const operations = Object.values((JSON.parse(body) as Document).paths)
      .flatMap((methods) => Object.values(methods))
      .flatMap(({ operationId, tags = [] }) => tags.map((tag) => `${tag}/${operationId}`))
    expect(links.length).toBeGreaterThan(100)
    expect(new Set(operations).size).toBe(operations.length)
    for (const { where, url } of links) {
      const [, operation] = url.match(/^\$\{api\}\/documentation#\/([\w%]+\/\w+)$/) ?? []
      expect(operations, `${where}: ${url}`).toContain(decodeURIComponent(operation ?? ''))
    }
  })

  test('are on every panel about a tenant', () => {
    for (const { json, panels } of dashboards)
      if (json.uid !== 'upcoach-platform-operations')
        for (const { title } of panels)
          expect(
            links.some(({ where }) => where === `${json.title}, ${title}`),
            `${json.title}, ${title}`,
          ).toBe(true)
  })

  test.skipIf(!hasChromium)(
    `open their operation in a browser${hasChromium ? '' : ' (skipped: no Chromium)'}`,
    async () => {
      const api = await platform.app.listen({ port: 0, host: '127.0.0.1' })
      const chromium = await openChromium()
      try {
        // A metric's, and one whose tag has a space.
        for (const operation of ['metrics/getMetricsByName', 'churn%20risk/getChurnRiskModel']) {
          const link = links.find(({ url }) => url.endsWith(`#/${operation}`))?.url ?? ''
          const context = await chromium.context()
          const page = await context.newPage()
          await page.goto(link.replace(`\${api}`, api))
          const id = `operations-${decodeURIComponent(link.split('#/')[1] ?? '')
            .replace(' ', '_')
            .replace('/', '-')}`
          await page.locator(`#${id}.is-open`).waitFor({ timeout: 30_000 })
          await context.close()
        }
      } finally {
        await chromium.close()
      }
    },
    180_000,
  )
})
