import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findMetric } from '../../metrics/catalog.ts'
import { provisionedDashboards } from '../support/grafana-dashboards.ts'
import { openPlatform, type Platform } from '../support/platform.ts'

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

  test('name an operation of the OpenAPI document and a metric of the catalogue', async () => {
    const { body } = await platform.app.inject('/documentation/json')
    const operations = Object.values((JSON.parse(body) as Document).paths)
      .flatMap((methods) => Object.values(methods))
      .flatMap(({ operationId, tags = [] }) => tags.map((tag) => `${tag}/${operationId}`))
    expect(links.length).toBeGreaterThan(100)
    expect(new Set(operations).size).toBe(operations.length)
    for (const { where, url } of links) {
      const [, metric, operation] = url.match(/^\$\{api\}\/documentation(?:\?metric=(\w+))?#\/([\w%]+\/\w+)$/) ?? []
      expect(operations, `${where}: ${url}`).toContain(decodeURIComponent(operation ?? ''))
      if (metric !== undefined) expect(findMetric(metric), where).toBeDefined()
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

  test('open a page that goes to the operation it is asked for', async () => {
    const page = await platform.app.inject('/documentation?metric=dau')
    expect(page.statusCode).toBe(200)
    expect(page.body).toContain('swagger-ui')
    const { body } = await platform.app.inject('/documentation/static/swagger-initializer.js')
    expect(body).toContain('"deepLinking":true')
  })
})
