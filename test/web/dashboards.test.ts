import { readFile } from 'node:fs/promises'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { aiNudgesAnswerSchema } from '../../api/schemas/ai-nudges.ts'
import { alertsAnswerSchema } from '../../api/schemas/alerts.ts'
import { cardsAnswerSchema } from '../../api/schemas/card.ts'
import { catalogueAnswerSchema } from '../../api/schemas/catalogue.ts'
import { churnRiskAnswerSchema } from '../../api/schemas/churn-risk.ts'
import { coachesAnswerSchema } from '../../api/schemas/coaches.ts'
import { cohortsAnswerSchema } from '../../api/schemas/cohorts.ts'
import { exportListSchema } from '../../api/schemas/exports.ts'
import { responseTimesAnswerSchema } from '../../api/schemas/response-times.ts'
import { kpisAnswerSchema, revenueAnswerSchema } from '../../api/schemas/revenue.ts'
import { updateTenant } from '../../db/tenant-settings.ts'
import { formatFor } from '../../web/format.ts'
import { hasChromium, open, seriousViolations, settled } from './chromium.ts'
import { openSite, type Site } from './site.ts'

const format = formatFor({ locale: 'de-DE', timezone: 'Europe/Berlin' })
const paths = [
  '/',
  '/engagement',
  '/goals',
  '/coaches',
  '/nudges',
  '/cohorts',
  '/revenue',
  '/churn',
  '/alerts',
  '/exports',
  '/dictionary',
]

/** Cells of lists that reach beyond what scrolls sideways around them. */
const HIDDEN_CELLS = `[...document.querySelectorAll('table.list td')].filter((cell) => {
  const around = cell.closest('.scroll')
  return around && cell.getBoundingClientRect().right > around.getBoundingClientRect().right + 1
}).map((cell) => cell.textContent)`

describe.skipIf(!hasChromium)('the dashboards in Chromium (skipped where there is none)', () => {
  let site: Site
  let context: BrowserContext
  let token: string
  beforeAll(async () => {
    site = await openSite()
    context = await site.context()
    token = await site.platform.token(site.tenant, 'admin')
  }, 300_000)
  afterAll(() => site?.close())

  const go = (path: string, at = context) => open(at, `${site.url}${path}#token=${token}`)
  async function api<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>> {
    const { status, body } = await site.platform.get(site.tenant, `/api/analytics${path}`)
    expect(status, path).toBe(200)
    return schema.parse(body)
  }
  /** Cards by metric: what stands on them. */
  const figures = async (page: Page) =>
    new Map(
      (await page
        .locator('[data-metric]')
        .evaluateAll((cards) =>
          cards.map((card) => [card.getAttribute('data-metric'), card.querySelector('.figure')?.textContent ?? '']),
        )) as [string, string][],
    )

  test('a link signs in; its token leaves the address bar and stays in the tab', async () => {
    const page = await go('/')
    expect(page.url()).toBe(`${site.url}/`)
    expect(await page.evaluate('JSON.stringify({ ...localStorage }) + document.cookie')).toBe('{}')
    await page.goBack().catch(() => undefined)
    expect(page.url()).not.toContain('token')
    await page.goto(`${site.url}/engagement`)
    await settled(page)
    expect(await page.locator('h1').textContent()).toBe('Engagement')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Access token').waitFor()
    expect(await page.evaluate('sessionStorage.length')).toBe(0)
    await page.close()
  })

  test('a tenant without the flag gets a friendly page', async () => {
    const off = await site.platform.createTenant({ slug: 'off', name: 'Off' })
    const fresh = await site.context()
    const page = await fresh.newPage()
    await page.goto(`${site.url}/#token=${await site.platform.token(off, 'admin')}`)
    await page.getByRole('heading', { name: 'Dashboards are not switched on yet' }).waitFor()
    expect(await page.locator('pre').textContent()).toContain('feature.analytics_v2=true')
    expect(await seriousViolations(page)).toEqual([])
    await updateTenant(site.platform.db.pool, 'off', { settings: { 'feature.analytics_v2': true } })
    await fresh.close()
  })

  test('the overview shows the numbers of the API, as the tenant writes them', async () => {
    const { cards } = await api('/overview', cardsAnswerSchema)
    const page = await go('/')
    const shown = await figures(page)
    expect(cards.length).toBeGreaterThan(10)
    for (const card of cards) expect(shown.get(card.name), card.name).toBe(format.value(card.value, card.unit))
    await page.close()
  })

  test('everything about one member is asked for where other exports are', async () => {
    const page = await go('/exports')
    await page.getByLabel('What').selectOption('Everything about one member')
    expect(await page.getByLabel('Format').locator('option').allTextContents()).toEqual(['JSON'])
    await page.getByLabel('User id').fill('member-0')
    await page.getByRole('button', { name: 'Export', exact: true }).click()
    const row = page.locator('tr[data-export]', { hasText: 'Everything about one member' })
    await row.waitFor()
    expect(await seriousViolations(page)).toEqual([])
    const { exports } = await api('/exports', exportListSchema)
    expect(exports.map(({ id, type, format }) => ({ id, type, format }))).toContainEqual({
      id: await row.getAttribute('data-export'),
      type: 'member',
      format: 'json',
    })
    await page.close()
  })

  test('engagement shows the numbers of the API, and the heat map every cell', async () => {
    const waiting = await api('/engagement/response-times', responseTimesAnswerSchema)
    const page = await go('/engagement')
    const panel = page.locator('section.panel', { hasText: 'Active members' }).first()
    await panel.locator('summary').first().click()
    await panel.getByRole('button', { name: 'Show as a table' }).click()
    const row = await panel.locator('tbody tr').nth(-2).locator('td').allTextContents()
    const body = (await site.platform.get(site.tenant, '/api/analytics/engagement')).body as {
      metrics: { metric: { name: string }; series: { points: { value: number | null }[] }[] }[]
    }
    const of = (name: string) =>
      body.metrics.find(({ metric }) => metric.name === name)?.series[0]?.points.at(-2)?.value ?? null
    expect(row).toEqual(['active_members', 'wau', 'mau'].map((name) => format.value(of(name), { kind: 'count' })))
    expect(await page.locator('table.matrix td').count()).toBe(168)
    // Those below the fold as well, without scrolling: what is printed has them all.
    await expect
      .poll(
        async () => (await page.locator('.chart').count()) - (await page.locator('.chart .recharts-surface').count()),
      )
      .toBe(0)
    expect(await page.locator('section.panel', { hasText: 'Chat response SLA' }).locator('.figure').textContent()).toBe(
      format.percent(waiting.within_sla_share),
    )
    await page.close()
  })

  test('revenue shows the numbers of the API, and a change opens its ledger rows', async () => {
    const kpis = await api('/revenue/kpis', kpisAnswerSchema)
    const page = await go('/revenue')
    const shown = await figures(page)
    for (const card of kpis.cards.filter(({ name }) => shown.has(name)))
      expect(shown.get(card.name), card.name).toBe(format.value(card.value, card.unit))
    const revenue = await api('/revenue?granularity=month', revenueAnswerSchema)
    const last = revenue.bridge.findLast(({ new: added, partial }) => !partial && (added ?? 0) > 0)
    expect(last).toBeDefined()
    await page.getByLabel('Period of the waterfall').selectOption(last?.t ?? '')
    const amount = format.value(last?.new, revenue.unit)
    await page.getByRole('button', { name: `New ${amount}` }).click()
    const dialog = page.getByRole('dialog')
    await dialog.locator('tbody tr').first().waitFor()
    expect(await dialog.locator('.lead').textContent()).toContain(amount)
    expect(new URL(page.url()).searchParams.get('ledger')).toBe(`${last?.t}~month~new`)
    expect(await seriousViolations(page)).toEqual([])
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
    expect(new URL(page.url()).searchParams.has('ledger')).toBe(false)
    await page.close()
  })

  test('coaches, nudges, churn risk, alerts and the dictionary list what the API lists', async () => {
    const coaches = await go('/coaches?range=30d')
    const board = await api('/coaches', coachesAnswerSchema)
    expect(await coaches.locator('tr[data-coach]').count()).toBe(board.coaches.length)
    const first = board.coaches[0]
    expect(await coaches.locator('tr[data-coach]').first().textContent()).toContain(
      format.percent(first?.adjusted_rate?.rate, 0),
    )
    await coaches.close()

    const nudges = await go('/nudges?range=30d')
    const { total, personas } = await api('/ai/nudges?granularity=week', aiNudgesAnswerSchema)
    expect(personas.length).toBeGreaterThan(1)
    expect(await nudges.locator('tr[data-persona]').count()).toBe(personas.length)
    expect(total.effectiveness).not.toBeNull()
    await nudges.close()

    const churn = await go('/churn')
    const risk = await api('/churn-risk?limit=20', churnRiskAnswerSchema)
    expect(risk.members.length).toBeGreaterThan(5)
    expect(
      await churn.locator('tr[data-member]').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-member'))),
    ).toEqual(risk.members.map(({ user_id }) => user_id))
    expect((await figures(churn)).get('High risk')).toBe(format.count(risk.totals.high))
    await churn.close()

    const alerts = await go('/alerts')
    const rules = (await api('/alerts', alertsAnswerSchema)).alerts
    const rows = (await alerts
      .locator('[data-rule]')
      .evaluateAll((shown) => shown.map((row) => Number(row.getAttribute('data-count') ?? 1)))) as number[]
    expect(rows.reduce((sum, count) => sum + count, 0)).toBe(rules.length)
    await alerts.close()

    const dictionary = await go('/dictionary')
    const { metrics } = await api('/metrics', catalogueAnswerSchema)
    expect(await dictionary.locator('[data-metric]').count()).toBe(metrics.length)
    await dictionary.getByRole('searchbox').fill('weekly active')
    expect(await dictionary.locator('[data-metric]').count()).toBeLessThan(metrics.length)
    await dictionary.close()
  })

  test('jobs of which none fails are one line of the alerts, and one that fails is another', async () => {
    const answer = await api('/alerts', alertsAnswerSchema)
    const [any] = answer.alerts
    const jobs = Array.from({ length: 8 }, (_, i) => ({
      ...any,
      rule: 'job_failing',
      labels: { job: `job-${i}` },
      value: i === 7 ? 4 : 0,
      state: i === 7 ? 'firing' : 'ok',
    }))
    const page = await context.newPage()
    await page.route('**/api/analytics/alerts', (route) => route.fulfill({ json: { ...answer, alerts: jobs } }))
    await page.goto(`${site.url}/alerts#token=${token}`)
    await settled(page)
    expect(await page.locator('tr[data-rule=job_failing]').allTextContents()).toEqual([
      expect.stringContaining('7 × job'),
    ])
    expect(await page.locator('li[data-rule=job_failing]').textContent()).toContain('job-7')
    await page.close()
  })

  test('a cohort of the triangle opens its deep dive', async () => {
    const { cohorts } = await api('/cohorts', cohortsAnswerSchema)
    const page = await go('/cohorts')
    const newest = cohorts.at(-1)?.cohort ?? ''
    await page.getByRole('link', { name: newest }).click()
    await page.getByRole('heading', { name: `Cohort ${newest}` }).waitFor()
    await settled(page)
    expect((await figures(page)).get('Members')).toBe(format.count(cohorts.at(-1)?.size ?? 0))
    await page.close()
  })

  test('the view is in the address: a reload and another tab show the same', async () => {
    const page = await go('/goals')
    await page.getByLabel('Time range').selectOption('12m')
    await page.getByLabel('Granularity').selectOption('month')
    await page.getByLabel('Group by').selectOption('plan')
    await page.getByLabel('Compare with the period before').check()
    const address = page.url()
    const view = Object.fromEntries(new URL(address).searchParams)
    expect(view).toEqual({ range: '12m', granularity: 'month', group_by: 'plan', compare: 'previous' })
    await page.reload()
    await settled(page)
    expect(await page.getByLabel('Group by').inputValue()).toBe('plan')
    expect(await page.getByLabel('Compare with the period before').isChecked()).toBe(true)
    await page.close()
  })

  test('charts are downloaded as CSV and PNG', async () => {
    const page = await go('/engagement')
    for (const [title, button, kind] of [
      ['Active minutes', 'Download CSV', 'csv'],
      ['Active minutes', 'Download PNG', 'png'],
      ['When members come', 'Download PNG', 'png'],
    ] as const) {
      const panel = page.getByRole('region', { name: title, exact: true })
      await panel.locator('summary').first().click()
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        panel.getByRole('button', { name: button }).click(),
      ])
      const bytes = await readFile(await download.path())
      expect(download.suggestedFilename()).toMatch(new RegExp(`\\.${kind}$`))
      if (kind === 'csv') expect(bytes.toString()).toMatch(/^\uFEFFPeriod,Active minutes\r\n\d{4}-\d{2}-\d{2},/)
      else expect(bytes.subarray(1, 4).toString()).toBe('PNG')
      if (kind === 'png') expect(bytes.length).toBeGreaterThan(5_000)
    }
    await page.close()
  })

  test('a failed read says so and can be tried again', async () => {
    const page = await context.newPage()
    await page.route('**/api/analytics/coaches*', (route) => route.fulfill({ status: 500, body: '{}' }))
    await page.goto(`${site.url}/coaches#token=${token}`)
    const retry = page.getByRole('button', { name: 'Try again' })
    await retry.waitFor()
    await page.unroute('**/api/analytics/coaches*')
    await retry.click()
    await page.locator('tr[data-coach]').first().waitFor()
    await page.close()
  })

  test('the keyboard reaches content, menu and charts', async () => {
    const page = await go('/')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to content')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('location.hash')).toBe('#main')
    await page.getByRole('link', { name: 'Revenue' }).first().focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Revenue' }).waitFor()
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    await settled(page)
    const more = page.getByRole('region', { name: 'MRR by plan' }).locator('summary').first()
    await more.focus()
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.getByRole('region', { name: 'MRR by plan, table' }).waitFor()
    await page.close()
  })

  test.each([...paths, '/cohorts/newest', '/today'])(
    'nothing serious for axe, nothing sticks out, in light and dark, on a desktop and a phone: %s',
    async (path) => {
      const role = path === '/today' ? 'coach' : 'admin'
      const { cohorts } = await api('/cohorts', cohortsAnswerSchema)
      const at = path.replace('newest', cohorts.at(-1)?.cohort ?? '')
      const key = await site.platform.token(site.tenant, role, 'coach-1')
      const page = await open(context, `${site.url}${at}#token=${key}`)
      for (const colorScheme of ['light', 'dark'] as const)
        for (const viewport of [
          { width: 1360, height: 900 },
          { width: 390, height: 844 },
        ]) {
          await page.emulateMedia({ colorScheme })
          await page.setViewportSize(viewport)
          const seen = `${at}, ${colorScheme}, ${viewport.width}`
          expect(await seriousViolations(page), seen).toEqual([])
          expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), seen).toBeLessThanOrEqual(0)
          // Lists of figures need no scrolling to the side, buttons in them neither.
          expect(await page.evaluate(HIDDEN_CELLS), seen).toEqual([])
        }
      await page.close()
    },
    120_000,
  )

  test('the whole way by keyboard alone: skip, menu, range, compare, table, ledger rows and back', async () => {
    const page = await go('/')
    const focused = () =>
      page.evaluate<string>('document.activeElement.textContent || document.activeElement.ariaLabel')
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Skip to content')
    await page.keyboard.press('Tab')
    // The menu follows, in its order.
    const menu = await page.getByRole('navigation').getByRole('link').allTextContents()
    for (let i = 0; (await focused()) !== 'Revenue' && i < menu.length + 2; i++) await page.keyboard.press('Tab')
    expect(await focused()).toBe('Revenue')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Revenue' }).waitFor()
    await settled(page)
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.closest("label").textContent')).toContain('Time range')
    await page.keyboard.press('ArrowUp')
    await expect.poll(() => new URL(page.url()).searchParams.get('range')).toBe('6m')
    const isCompare = () => page.evaluate<boolean>('document.activeElement.type === "checkbox"')
    for (let i = 0; !(await isCompare()) && i < 5; i++) await page.keyboard.press('Tab')
    await page.keyboard.press('Space')
    await expect.poll(() => new URL(page.url()).searchParams.get('compare')).toBe('previous')
    await settled(page)
    const change = page.getByRole('list', { name: 'Ledger rows behind a change' }).locator('button:enabled').first()
    await change.focus()
    const opened = await focused()
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.locator('tbody tr').first().waitFor()
    for (let i = 0; i < 6; i++) {
      // Past the last control the focus goes round, or to the browser's own, never to the page behind.
      expect(
        await page.evaluate(
          'document.activeElement.closest("dialog") !== null || document.activeElement === document.body',
        ),
      ).toBe(true)
      await page.keyboard.press('Tab')
    }
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
    expect(await focused()).toBe(opened)
    await page.close()
  })

  test('compared with the period before, tables say how they moved, and the link keeps it', async () => {
    const from = new Date(Date.now() - 30 * 864e5).toISOString().slice(0, 10)
    const to = new Date().toISOString().slice(0, 10)
    const view = `from=${from}&to=${to}&compare=previous`
    const read = `from=${from}&to=${to}&compare=previous_period`

    const coaches = await go(`/coaches?${view}`)
    const { coaches: board } = await api(`/coaches?${read}`, coachesAnswerSchema)
    const [first] = board
    const row = coaches.locator('tr[data-coach]').first()
    const before = first?.previous?.adjusted_rate
    expect(await row.locator('.against').first().textContent()).toContain(
      before == null ? 'nothing to compare' : format.points((first?.adjusted_rate?.rate ?? 0) - before),
    )
    await coaches.close()

    const nudges = await go(`/nudges?${view}`)
    const answer = await api(`/ai/nudges?granularity=week&${read}`, aiNudgesAnswerSchema)
    const moved = (answer.total.effectiveness ?? 0) - (answer.previous?.total.effectiveness ?? 0)
    expect(await nudges.locator('[data-metric=Effectiveness] .against').textContent()).toContain(format.points(moved))
    await nudges.close()

    const cohorts = await go(`/cohorts?${view}`)
    const { previous } = await api(`/cohorts?${read}`, cohortsAnswerSchema)
    const cells = cohorts.getByRole('row', { name: /^Period before/ }).getByRole('cell')
    expect((await cells.allTextContents()).slice(1, 4)).toEqual(
      previous?.pooled.slice(0, 3).map(({ rate }) => (rate === null ? '' : format.percent(rate, 0))),
    )
    await cohorts.close()
  })

  test('a coach sees whom to call, finance sees money only', async () => {
    const coach = await open(
      context,
      `${site.url}/#token=${await site.platform.token(site.tenant, 'coach', 'coach-1')}`,
    )
    expect(await coach.locator('h1').textContent()).toBe('My members')
    const menu = await coach.getByRole('navigation').getByRole('link').allTextContents()
    expect(menu).not.toContain('Revenue')
    await coach.close()
    const finance = await open(context, `${site.url}/#token=${await site.platform.token(site.tenant, 'finance')}`)
    expect(await finance.locator('h1').textContent()).toBe('Revenue')
    await finance.close()
  })

  test('an embedded dashboard has no way elsewhere, and may be framed by the configured sites only', async () => {
    const made = await site.platform.post(
      site.tenant,
      '/api/analytics/embeds',
      { dashboard: 'today', coach_id: 'coach-1' },
      'admin',
    )
    expect(made.status).toBe(201)
    const { token: key } = made.body as { token: string }
    const page = await open(context, `${site.url}/embed/today#token=${key}`)
    expect(await page.locator('h1').textContent()).toBe('My members')
    expect(await page.getByRole('navigation').count()).toBe(0)
    expect(page.url()).not.toContain('token')
    const framed = await page.request.get(`${site.url}/embed/today`, { headers: { accept: 'text/html' } })
    expect(framed.headers()['content-security-policy']).toContain('frame-ancestors https://portal.example.com')
    expect(framed.headers()['x-frame-options']).toBeUndefined()
    const plain = await page.request.get(`${site.url}/`, { headers: { accept: 'text/html' } })
    expect(plain.headers()['content-security-policy']).toContain("frame-ancestors 'none'")
    await page.close()
  })

  test('nothing was asked of another host, and no browser complained', () => {
    expect(site.complaints).toEqual([])
  })
})
