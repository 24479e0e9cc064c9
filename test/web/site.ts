import { existsSync } from 'node:fs'
import axe from 'axe-core'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { builtWeb } from '../../cli/web.ts'
import type { Tenant } from '../../db/tenant.ts'
import type { Platform } from '../support/platform.ts'
import { openSmallBusiness } from '../support/small-business.ts'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
export const hasChromium = CHROMIUM !== undefined

export interface Site {
  readonly platform: Platform
  readonly tenant: Tenant
  readonly url: string
  readonly browser: Browser
  /** What a browser complained about (policy violations, errors of scripts) and every address outside the site. */
  readonly complaints: string[]
  context(options?: { dark?: boolean; phone?: boolean }): Promise<BrowserContext>
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
  const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] })
  const complaints: string[] = []
  return {
    platform,
    tenant,
    url,
    browser,
    complaints,
    async context({ dark = false, phone = false } = {}) {
      const context = await browser.newContext({
        colorScheme: dark ? 'dark' : 'light',
        viewport: phone ? { width: 390, height: 844 } : { width: 1360, height: 900 },
      })
      context.setDefaultTimeout(20_000)
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

interface Violation {
  id: string
  impact: string
  nodes: { target: string[]; failureSummary: string }[]
}

/** What axe finds that is serious or critical, as text. */
export async function seriousViolations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const violations = (await page.evaluate(
    '(async () => (await axe.run(document, { resultTypes: ["violations"] })).violations)()',
  )) as Violation[]
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.target.join(' ')} ${nodes[0]?.failureSummary}`)
}

/** Opens a page signed in, and waits until everything on it has loaded. */
export async function open(context: BrowserContext, address: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(address)
  await settled(page)
  return page
}

export async function settled(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor()
  // The policy forbids eval, so no function of ours can be polled in the page.
  await page.locator('.skeleton, [aria-busy=true]').first().waitFor({ state: 'detached' })
}
