import { existsSync } from 'node:fs'
import axe from 'axe-core'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
export const hasChromium = CHROMIUM !== undefined

export interface ContextOptions {
  readonly dark?: boolean
  readonly phone?: boolean
}

export interface Chromium {
  readonly browser: Browser
  context(options?: ContextOptions): Promise<BrowserContext>
  close(): Promise<void>
}

export async function openChromium(): Promise<Chromium> {
  const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] })
  return {
    browser,
    async context({ dark = false, phone = false } = {}) {
      const context = await browser.newContext({
        colorScheme: dark ? 'dark' : 'light',
        viewport: phone ? { width: 390, height: 844 } : { width: 1360, height: 900 },
      })
      context.setDefaultTimeout(20_000)
      return context
    },
    close: () => browser.close(),
  }
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
