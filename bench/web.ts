import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { heatmapAnswerSchema } from '../api/schemas/heatmap.ts'
import { responseTimesAnswerSchema } from '../api/schemas/response-times.ts'
import { seriesListSchema } from '../api/schemas/series.ts'
import { sessionAnswerSchema } from '../api/schemas/session.ts'
import { builtWeb } from '../cli/web.ts'
import { type Bench, spread } from './rounds.ts'
import { landingBytes } from './web-size.ts'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const PLANS = ['free', 'plus', 'pro', 'team', 'family', 'student']
const METRICS = ['active_members', 'wau', 'mau', 'stickiness', 'active_minutes', 'sessions_per_user']
const HOVERS = 80
const LONG_TASK_MS = 50

const session = sessionAnswerSchema.parse({
  tenant: { slug: 'bench', name: 'Bench', timezone: 'Europe/Berlin', currency: 'EUR', locale: 'de-DE' },
  role: 'admin',
  coach_id: null,
  embed: null,
  features: { analytics_v2: true },
})

/** Daily values of each metric over the range asked for, by plan when grouped: shaped, and checked, as the API's. */
function seriesOf(query: URLSearchParams, names: readonly string[]) {
  const from = Date.parse(query.get('from') ?? '')
  const days = Math.round((Date.parse(query.get('to') ?? '') - from) / 86_400_000)
  const groups = query.get('group_by') === null ? [undefined] : PLANS
  const range = {
    from: query.get('from') ?? '',
    to: query.get('to') ?? '',
    granularity: 'day',
    timezone: 'Europe/Berlin',
  }
  return seriesListSchema.parse({
    metrics: names.map((name, m) => ({
      metric: {
        name,
        title: name.replaceAll('_', ' '),
        category: 'engagement',
        unit: { kind: 'count' },
        dimensions: ['plan'],
        grain: 'day',
        definition: name,
      },
      range,
      fresh_until: new Date().toISOString(),
      series: groups.map((plan, g) => ({
        key: plan === undefined ? {} : { plan },
        points: Array.from({ length: days }, (_, i) => ({
          t: new Date(from + i * 86_400_000).toISOString().slice(0, 10),
          value: Math.round(1000 + 300 * Math.sin(i / 7 + g) + 200 * Math.cos(i / 31 + m) + ((i * 7919 + g * 31) % 97)),
        })),
      })),
    })),
  })
}

function answer(path: string, query: URLSearchParams): unknown {
  const range = { from: '2026-01-01', to: '2026-02-01', granularity: 'day', timezone: 'Europe/Berlin' }
  const fresh_until = new Date().toISOString()
  switch (path) {
    case '/session':
      return session
    case '/engagement':
      return seriesOf(query, METRICS)
    case '/coaching':
      return seriesOf(query, ['message_response_time', 'message_response_time_p90', 'message_response_time_p95'])
    case '/engagement/heatmap':
      return heatmapAnswerSchema.parse({
        range,
        fresh_until,
        cells: Array.from({ length: 168 }, (_, i) => ({
          weekday: Math.floor(i / 24) + 1,
          hour: i % 24,
          sessions: i,
          active_minutes: i,
        })),
      })
    case '/engagement/response-times':
      return responseTimesAnswerSchema.parse({
        range,
        fresh_until,
        sla_hours: 24,
        replies: 100,
        within_sla_share: 0.9,
        waiting: 0,
        waiting_over_sla: 0,
        seconds: { p50: 100, p75: 200, p90: 300, p95: 400, p99: 500 },
        observed_seconds: { p50: 100, p75: 200, p90: 300, p95: 400, p99: 500 },
      })
    default:
      return undefined
  }
}

/** The built page and the answers above: the browser is measured, not the database. */
async function serve(dist: string): Promise<{ url: string; close: () => Promise<void> }> {
  const types: Record<string, string> = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://bench')
    if (url.pathname.startsWith('/api/')) {
      const body = answer(url.pathname.replace('/api/analytics', ''), url.searchParams)
      response
        .writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' })
        .end(JSON.stringify(body))
      return
    }
    const file = url.pathname.startsWith('/assets/') ? url.pathname : '/index.html'
    const type = types[extname(file)] ?? 'text/html'
    response.writeHead(200, { 'content-type': type }).end(await readFile(join(dist, file)))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** From an event to the frame that shows its effect, and tasks that held the page up meanwhile. */
const WATCH = `
  window.latencies = []; window.longTasks = []
  for (const type of ['pointermove', 'change'])
    addEventListener(type, () => {
      const start = performance.now()
      requestAnimationFrame(() => setTimeout(() => latencies.push(performance.now() - start)))
    }, true)
  new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: 'longtask' })
`

interface Taken {
  readonly latencies: number[]
  readonly longTasks: number[]
}

async function take(page: Page, interaction: () => Promise<unknown>): Promise<Taken> {
  await page.evaluate('latencies.length = 0; longTasks.length = 0')
  await interaction()
  await page.waitForFunction('latencies.length > 0')
  await page.waitForTimeout(100)
  return page.evaluate<Taken>('({ latencies: [...latencies], longTasks: [...longTasks] })')
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
const p95 = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.95)] ?? Number.NaN

async function hover(page: Page): Promise<void> {
  const box = await page.locator('.chart').first().boundingBox()
  if (!box) throw new Error('there is no chart')
  for (let i = 0; i < HOVERS; i++)
    await page.mouse.move(box.x + 60 + ((box.width - 80) * i) / HOVERS, box.y + box.height / 2)
}

/** Engagement by day and by plan, six lines a chart, six charts: with two years of days and with thirty. */
async function measure(page: Page, range: '24m' | '30d') {
  const other = range === '24m' ? '12m' : '7d'
  const choose = (label: string, value: string) => page.getByLabel(label).selectOption(value)
  await choose('Time range', range)
  await choose('Group by', 'plan')
  await page.locator('.skeleton, [aria-busy=true]').first().waitFor({ state: 'detached' })
  // Once round, so that every answer is in the page's cache: what is left is drawing.
  for (const value of [other, range]) {
    await choose('Time range', value)
    await page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' })
  }
  await choose('Group by', '')
  await page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' })
  const group = await take(page, () => choose('Group by', 'plan'))
  await choose('Time range', other)
  const back = await take(page, () => choose('Time range', range))
  const hovered = await take(page, () => hover(page))
  return { hover: hovered, group, range: back }
}

/** How smooth the heaviest dashboard is with two years of daily data, against thirty days of it. */
export const web: Bench = {
  name: 'web',
  title: 'the dashboards in Chromium, two years of days : thirty days (how many times slower)',
  async run({ rounds, log }) {
    const dist = await builtWeb({ info: () => undefined, warn: () => undefined })
    if (dist === undefined || CHROMIUM === undefined) throw new Error('this bench needs web/dist and Chromium')
    const site = await serve(dist)
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
    try {
      const page = await browser.newPage({ viewport: { width: 1360, height: 900 } })
      page.setDefaultTimeout(60_000)
      await page.goto(`${site.url}/engagement?range=24m&group_by=plan#token=a.b.c`)
      await page.locator('.recharts-line').first().waitFor()
      await page.evaluate(WATCH)
      const kinds = ['hover', 'group', 'range'] as const
      const ratios: Record<string, number[]> = { hover: [], group: [], range: [] }
      const large: Record<string, Taken[]> = { hover: [], group: [], range: [] }
      for (let round = 0; round <= rounds; round++) {
        const years = await measure(page, '24m')
        const days = await measure(page, '30d')
        for (const kind of kinds) {
          const ms = [median(years[kind].latencies), median(days[kind].latencies)] as const
          log(`${kind}, round ${round}: two years ${ms[0].toFixed(1)} ms, thirty days ${ms[1].toFixed(1)} ms`)
          if (round === 0) continue
          ratios[kind]?.push(ms[0] / ms[1])
          large[kind]?.push(years[kind])
        }
      }
      const { bytes, first } = await landingBytes(dist)
      const note = (kind: (typeof kinds)[number]) => {
        const latencies = large[kind]?.flatMap((taken) => taken.latencies) ?? []
        const long = large[kind]?.flatMap((taken) => taken.longTasks).filter((ms) => ms > LONG_TASK_MS) ?? []
        return `${kind}: median ${median(latencies).toFixed(0)} ms, p95 ${p95(latencies).toFixed(0)} ms from event to frame; ${long.length} tasks over ${LONG_TASK_MS} ms${long.length > 0 ? `, the longest ${Math.max(...long).toFixed(0)} ms` : ''}`
      }
      return {
        ratios: kinds.map((kind) => spread(kind, ratios[kind] ?? [])),
        notes: [
          `730 days × ${PLANS.length} plans × ${METRICS.length} metrics; answers from memory, drawing only`,
          ...kinds.map(note),
          `first load of ${first}: ${(bytes / 1000).toFixed(0)} kB of gzipped script (goal 300)`,
        ],
      }
    } finally {
      await browser.close()
      await site.close()
    }
  },
}
