import type { BrowserContext, Page } from 'playwright-core'
import { builtWeb } from '../../cli/web.ts'
import type { Tenant } from '../../db/tenant.ts'
import type { Platform } from '../support/platform.ts'
import { openSmallBusiness } from '../support/small-business.ts'
import { type ContextOptions, openChromium } from './chromium.ts'

export interface Site {
  readonly platform: Platform
  readonly tenant: Tenant
  readonly url: string
  /** What a browser complained about (policy violations, errors of scripts) and every address outside the site. */
  readonly complaints: string[]
  context(options?: ContextOptions): Promise<BrowserContext>
  close(): Promise<void>
}

/** The running platform with a small coaching business on it, its dashboards, and a browser. */
export async function openSite(env: Record<string, string> = {}): Promise<Site> {
  const web = await builtWeb({ info: () => undefined, warn: () => undefined })
  if (web === undefined) throw new Error('the dashboards could not be built')
  const { platform, tenant } = await openSmallBusiness({
    web,
    env: { EMBED_FRAME_ANCESTORS: 'https://portal.example.com', ...env },
  })
  const url = await platform.app.listen({ host: '127.0.0.1', port: 0 })
  const browser = await openChromium()
  const complaints: string[] = []
  return {
    platform,
    tenant,
    url,
    complaints,
    async context(options) {
      const context = await browser.context(options)
      context.on('page', (page) => listen(page, url, complaints))
      return context
    },
    async close() {
      await browser.close()
      await platform.close()
    },
  }
}

function listen(page: Page, url: string, complaints: string[]): void {
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    // An answer of 4xx or a request that a test cuts off is no fault of the page.
    if (message.type() === 'error' && !message.text().includes('Failed to load resource'))
      complaints.push(message.text())
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) complaints.push(request.url())
  })
}
