import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { parse } from 'csv-parse/sync'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auditWriter } from '../../db/audit.ts'
import { type Tenant, withTenant } from '../../db/tenant.ts'
import { type PeriodRow, stripeEventsOf } from '../../sources/revenue/periods.ts'
import { billingTenant, deliverStripe } from '../support/billing.ts'
import { busyTenant } from '../support/busy-tenant.ts'
import { type Exporter, openExporter } from '../support/exports.ts'
import { openPlatform, type Platform } from '../support/platform.ts'

/** Every format of every type, from the request over HTTP to the opened file. */

const DAY = 86_400_000
const hasLibreOffice = spawnSync('soffice', ['--version']).status === 0
const hasPdftotext = spawnSync('pdftotext', ['-v']).status === 0
const day = (ago: number) => new Date(Date.now() - ago * DAY).toISOString().slice(0, 10)
const FORMULA = '=HYPERLINK("http://x","y")'

let platform: Platform
let exporter: Exporter
let tenant: Tenant
let temporary: string

beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'upcoach-formats-'))
  platform = await openPlatform()
  tenant = await billingTenant(platform, 'acme', { name: 'Żółta Łódź Коучинг 日本', timezone: 'Europe/Warsaw' })
  await platform.send(tenant, busyTenant({ end: Date.now(), mark: 'acme' }))
  const history: PeriodRow[] = [
    { customer: 'a', start: day(150), end: null, amount: '100.00', currency: 'usd' },
    { customer: 'b', start: day(120), end: day(40), amount: '50.00', currency: 'usd' },
  ]
  for (const event of stripeEventsOf(history)) await deliverStripe(platform, tenant, event)
  await platform.settle()
  // Ids that the API would refuse: what is exported may have come another way.
  await platform.db.pool.query(
    `insert into analytics.member_days (tenant_id, user_id, day, actions, active_seconds, sessions, first_in_week, first_in_month,
       first_in_signup_week, is_last, signup_plan, signup_coach_id, plan, coach_id)
     select $1, id, $2::date, 1, 0, 0, false, false, false, false, '', '', '', '' from unnest($3::text[]) id`,
    [tenant.id, day(3), [FORMULA, '-1+1', '@cmd', 'plain, with "quotes"', 'zwei\nZeilen', 'żółw']],
  )
  exporter = openExporter(platform)
}, 240_000)
afterAll(async () => {
  await platform.close()
  await rm(temporary, { recursive: true, force: true })
})

type Rows = Record<string, unknown>[]
const csvRows = (file: Buffer): Record<string, string>[] => parse(file, { columns: true, record_delimiter: '\r\n' })
const numberOf = (text: unknown) => (text === '' || text === null || text === undefined ? null : Number(text))

async function parquetRows(file: Buffer): Promise<Rows> {
  const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) as ArrayBuffer
  return (await parquetReadObjects({ file: bytes, compressors })) as Rows
}

/** Column types as DuckDB reads them, and how many rows it counts. */
async function duckdb(file: Buffer): Promise<{ types: Record<string, string>; rows: number }> {
  const path = join(temporary, 'x.parquet')
  await writeFile(path, file)
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  const described = await connection.runAndReadAll(`describe select * from '${path}'`)
  const types = Object.fromEntries(described.getRows().map(([name, type]) => [String(name), String(type)]))
  const counted = await connection.runAndReadAll(`select count(*)::integer from '${path}'`)
  connection.closeSync()
  return { types, rows: Number(counted.getRows()[0]?.[0]) }
}

async function pdfText(file: Buffer): Promise<string> {
  const path = join(temporary, 'x.pdf')
  await writeFile(path, file)
  return spawnSync('pdftotext', ['-layout', path, '-'], { encoding: 'utf8' }).stdout
}

/** Every word of a PDF that reaches beyond the page's margins, as pdftotext sees it. */
async function outside(file: Buffer): Promise<string[]> {
  const path = join(temporary, 'x.pdf')
  await writeFile(path, file)
  const html = spawnSync('pdftotext', ['-bbox', path, '-'], { encoding: 'utf8' }).stdout
  const pages = html.split('<page ').slice(1)
  expect(pages.length).toBeGreaterThan(0)
  return pages.flatMap((page) => {
    const width = Number(/width="([\d.]+)"/.exec(page)?.[1])
    return [...page.matchAll(/xMin="([\d.-]+)".*?xMax="([\d.]+)".*?>(.*?)<\/word>/g)].flatMap(
      ([, from, to, word = '']) => (Number(from) < 39 || Number(to) > width - 39 ? [word] : []),
    )
  })
}

interface SeriesAnswer {
  series: { key: Record<string, string>; points: { t: string; value: number | null; partial?: boolean }[] }[]
}
const weekly = { metric: 'active_minutes', from: day(60), to: day(0), granularity: 'week', group_by: 'plan' }
const weeklyPath = `/api/analytics/metrics/active_minutes?from=${weekly.from}&to=${weekly.to}&granularity=week&group_by=plan`
const flat = ({ series }: SeriesAnswer) =>
  series.flatMap(({ key, points }) => points.map(({ t, value }) => [key.plan ?? '', t, value]))

describe('CSV', () => {
  test('of a metric has the numbers of the API, in RFC 4180, with the file’s size and hash', async () => {
    const { file, answer, headers } = await exporter.exported(tenant, 'metric', 'csv', weekly)
    const { body } = await platform.get<SeriesAnswer>(tenant, weeklyPath)
    expect(csvRows(file).map(({ plan, t, value }) => [plan, t, numberOf(value)])).toEqual(flat(body))
    expect(answer).toMatchObject({
      rows: flat(body).length,
      bytes: file.length,
      sha256: createHash('sha256').update(file).digest('hex'),
    })
    expect(file.toString('utf8').replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
    expect(headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': expect.stringMatching(/^attachment; filename="metric-active_minutes-[\d-]+\.csv"$/),
    })
  })

  test('of the overview, revenue and cohorts has the numbers of their routes', async () => {
    type Cards = { cards: { name: string; value: number | null; status: string | null }[] }
    const overview = await exporter.exported(tenant, 'overview', 'csv')
    const { cards } = (await platform.get<Cards>(tenant, '/api/analytics/overview')).body
    expect(
      csvRows(overview.file).map(({ metric, value, status }) => [metric, numberOf(value), status || null]),
    ).toEqual(cards.map(({ name, value, status }) => [name, value, status]))

    const range = { from: day(150), to: day(0) }
    const revenue = await exporter.exported(tenant, 'revenue', 'csv', range)
    const shown = await platform.get<{ metrics: (SeriesAnswer & { metric: { name: string } })[] }>(
      tenant,
      `/api/analytics/revenue?from=${range.from}&to=${range.to}`,
      'finance',
    )
    const expected = shown.body.metrics.flatMap(({ metric, series }) =>
      series.flatMap(({ points }) => points.map(({ t, value }) => [metric.name, t, value])),
    )
    expect(expected.some(([, , value]) => Number(value) > 0)).toBe(true)
    const given = csvRows(revenue.file)
    expect(given.map(({ metric, t, value }) => [metric, t, numberOf(value)])).toEqual(expected)
    expect(given.find(({ metric }) => metric === 'net_mrr')?.currency).toBe('USD')
    expect(given.find(({ metric }) => metric === 'paying_customers')?.currency).toBe('')

    type Cohorts = { cohorts: { cohort: string; size: number; cells: { n: number; retained: number | null }[] }[] }
    const since = { from: day(70) }
    const cohort = await exporter.exported(tenant, 'cohort', 'csv', since)
    const triangle = await platform.get<Cohorts>(tenant, `/api/analytics/cohorts?from=${since.from}`)
    expect(csvRows(cohort.file).map(({ cohort, n, retained }) => [cohort, Number(n), numberOf(retained)])).toEqual(
      triangle.body.cohorts.flatMap(({ cohort, cells }) => cells.map(({ n, retained }) => [cohort, n, retained])),
    )
  })

  test('of member-days has every row, and no text that a spreadsheet would run', async () => {
    const { file, answer } = await exporter.exported(tenant, 'fact_productivity', 'csv', { from: day(80) })
    const stored = await withTenant(platform.db.pool, tenant.id, async (client) => {
      const { rows } = await client.query<{ days: number; habits: number; users: number }>(
        'select count(*) as days, sum(habits_checked)::integer as habits, count(distinct user_id) as users from fact_productivity',
      )
      return rows[0]
    })
    const rows = csvRows(file)
    expect(rows.length).toBe(stored?.days)
    expect(answer.rows).toBe(stored?.days)
    expect(rows.reduce((sum, { habits_checked }) => sum + Number(habits_checked), 0)).toBe(stored?.habits)
    const users = new Set(rows.map(({ user_id }) => user_id))
    expect(users.size).toBe(stored?.users)
    for (const user of users) expect(user).not.toMatch(/^[=+\-@\t\r]/)
    expect(users).toContain(`'${FORMULA}`)
    expect(users).toContain("'-1+1")
    expect(users).toContain('plain, with "quotes"')
    expect(users).toContain('zwei\nZeilen')
    // RFC 4180: a field with a line break of either kind is quoted, whatever ends the lines of the file.
    expect(String(file)).toContain('"zwei\nZeilen"')
    expect(rows.map(({ date_key }) => date_key)).toEqual(rows.map(({ date_key }) => date_key).sort())
  })

  test('of the audit log says who did what', async () => {
    const writer = auditWriter(platform.db.pool, () => undefined)
    const entry = {
      tenant_id: tenant.id,
      actor: '=admin',
      role: 'admin',
      route: 'GET /x',
      parameters: { a: '"1",\n2' },
    }
    for (let i = 0; i < 3; i += 1)
      writer.write({ ...entry, at: new Date().toISOString(), action: `a-${i}`, status: 200, request_id: `r-${i}` })
    await writer.close()
    const { file } = await exporter.exported(tenant, 'audit', 'csv')
    const rows = csvRows(file)
    expect(rows.map(({ action }) => action)).toEqual(['a-0', 'a-1', 'a-2'])
    expect(rows[0]).toMatchObject({ actor: "'=admin", status: '200' })
    expect(JSON.parse(rows[0]?.parameters ?? '')).toEqual(entry.parameters)
    expect(Date.now() - Date.parse(rows[0]?.at ?? '')).toBeLessThan(600_000)
  })

  test.skipIf(!hasLibreOffice)(
    'opens as a spreadsheet with every row and text as it is (skipped without LibreOffice)',
    async () => {
      const { file } = await exporter.exported(tenant, 'fact_productivity', 'csv', { from: day(80) })
      const source = join(temporary, 'sheet.csv')
      await writeFile(source, file)
      const convert = (to: string, path: string, ...more: string[]) =>
        spawnSync('soffice', [
          '--headless',
          `-env:UserInstallation=file://${join(temporary, 'office')}`,
          ...more,
          '--convert-to',
          to,
          '--outdir',
          join(temporary, 'opened'),
          path,
        ])
      convert('ods', source, '--infilter=CSV:44,34,76,1')
      convert('csv:Text - txt - csv (StarCalc):44,34,76,1', join(temporary, 'opened', 'sheet.ods'))
      const opened = parse(await readFile(join(temporary, 'opened', 'sheet.csv'))) as string[][]
      const given = parse(file) as string[][]
      expect(opened.length).toBe(given.length)
      expect(opened.map(([date, member]) => [date, member])).toEqual(given.map(([date, member]) => [date, member]))
      expect(opened.map((row) => numberOf(row[2]))).toEqual(given.map((row) => numberOf(row[2])))
    },
    120_000,
  )

  test('of churn risk has the members of its route, also of one band or coach', async () => {
    await platform.score(tenant)
    interface Risk {
      members: { user_id: string; probability: number; band: string; coach_id: string }[]
    }
    const route = async (filter: string) =>
      (await platform.get<Risk>(tenant, `/api/analytics/churn-risk?limit=100${filter}`)).body.members
    const all = await route('')
    expect(all.length).toBeGreaterThan(2)
    const { band = '', coach_id: coach = '' } = all[0] ?? {}
    for (const [params, members] of [
      [{}, all],
      [{ band }, await route(`&band=${band}`)],
      [{ coach }, await route(`&coach=${coach}`)],
      [{ coach: "nobody'; select 1 --" }, []],
    ] as const) {
      const { file, answer } = await exporter.exported(tenant, 'churn_risk', 'csv', params)
      expect(answer.rows).toBe(members.length)
      expect(csvRows(file).map((row) => [row.user_id, Number(row.probability)])).toEqual(
        members.map(({ user_id, probability }) => [user_id, probability]),
      )
    }
    const refused = await platform.post(
      tenant,
      '/api/analytics/exports',
      { type: 'churn_risk', format: 'csv', params: { band: 'none' } },
      'admin',
    )
    expect(refused.status).toBe(400)
  })

  test('without rows still has its header', async () => {
    const { file, answer } = await exporter.exported(tenant, 'fact_productivity', 'csv', {
      from: day(300),
      to: day(290),
    })
    expect(file.toString()).toBe(
      'date_key,user_id,goals_completed,habits_checked,mood_avg,chat_sessions,revenue_cents\r\n',
    )
    expect(answer.rows).toBe(0)
  })
})

describe('Parquet', () => {
  test('of a metric has the numbers of the API and a date column, for two readers', async () => {
    const { file, answer } = await exporter.exported(tenant, 'metric', 'parquet', weekly)
    const { body } = await platform.get<SeriesAnswer>(tenant, weeklyPath)
    const rows = await parquetRows(file)
    expect(rows.map(({ plan, t, value }) => [plan, (t as Date).toISOString().slice(0, 10), value])).toEqual(flat(body))
    const read = await duckdb(file)
    expect(read.rows).toBe(answer.rows)
    expect(read.types).toEqual({
      plan: 'VARCHAR',
      t: 'DATE',
      value: 'DOUBLE',
      numerator: 'DOUBLE',
      denominator: 'DOUBLE',
      partial: 'BOOLEAN',
    })
  })

  test('of member-days keeps every text as it is, with integer columns, compressed by zstd', async () => {
    const params = { from: day(80) }
    const { file } = await exporter.exported(tenant, 'fact_productivity', 'parquet', params)
    const csv = csvRows((await exporter.exported(tenant, 'fact_productivity', 'csv', params)).file)
    const rows = await parquetRows(file)
    expect(rows.length).toBe(csv.length)
    expect(rows.map(({ habits_checked }) => habits_checked)).toEqual(csv.map((row) => Number(row.habits_checked)))
    expect(rows.map(({ mood_avg }) => mood_avg ?? null)).toEqual(csv.map((row) => numberOf(row.mood_avg)))
    expect(new Set(rows.map(({ user_id }) => user_id))).toContain(FORMULA)
    expect((await duckdb(file)).types).toEqual({
      date_key: 'DATE',
      user_id: 'VARCHAR',
      goals_completed: 'INTEGER',
      habits_checked: 'INTEGER',
      mood_avg: 'DOUBLE',
      chat_sessions: 'INTEGER',
      revenue_cents: 'BIGINT',
    })
    const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) as ArrayBuffer
    const codecs = parquetMetadata(bytes).row_groups.flatMap(({ columns }) => columns.map((c) => c.meta_data?.codec))
    expect(new Set(codecs)).toEqual(new Set(['ZSTD']))
  })

  test('has timestamps of hours, cohorts as integers, cards as doubles', async () => {
    const hourly = { metric: 'active_minutes', granularity: 'hour', from: day(4), to: day(3) }
    const hours = await duckdb((await exporter.exported(tenant, 'metric', 'parquet', hourly)).file)
    expect(hours).toMatchObject({ types: { t: 'TIMESTAMP WITH TIME ZONE' }, rows: 24 })
    const cohort = await duckdb((await exporter.exported(tenant, 'cohort', 'parquet', { from: day(70) })).file)
    expect(cohort.types).toMatchObject({ size: 'BIGINT', n: 'INTEGER', from: 'DATE', rate: 'DOUBLE' })
    const overview = await duckdb((await exporter.exported(tenant, 'overview', 'parquet')).file)
    expect(overview.types).toMatchObject({ value: 'DOUBLE', metric: 'VARCHAR' })
    const revenue = await duckdb((await exporter.exported(tenant, 'revenue', 'parquet')).file)
    expect(revenue.types).toMatchObject({ t: 'DATE', currency: 'VARCHAR' })
    const audit = await duckdb((await exporter.exported(tenant, 'audit', 'parquet')).file)
    expect(audit.types).toMatchObject({ at: 'TIMESTAMP WITH TIME ZONE', status: 'INTEGER' })
  })
})

describe.skipIf(!hasPdftotext)('PDF (pdftotext of poppler-utils reads it)', () => {
  test('of the overview says title, tenant, every card, every definition and how many pages there are', async () => {
    const { file, answer } = await exporter.exported(tenant, 'overview', 'pdf')
    type Cards = { cards: { title: string; value: number | null; previous: number | null; unit: { kind: string } }[] }
    const { cards } = (await platform.get<Cards>(tenant, '/api/analytics/overview')).body
    const text = await pdfText(file)
    expect(file.subarray(0, 5).toString()).toBe('%PDF-')
    expect(text).toContain('Overview')
    expect(text).toContain('Żółta Łódź Коучинг ??')
    expect(text).toMatch(/the report’s font lacks are shown as “\?”/)
    let changes = 0
    for (const { title, value, previous, unit } of cards) {
      expect(text).toContain(title)
      if (unit.kind !== 'ratio' || value === null) continue
      expect(text).toContain(`${(value * 100).toFixed(1)}%`)
      if (previous === null) continue
      const points = ((value - previous) * 100).toFixed(1)
      const signed = points.startsWith('-') ? points.replace('-', '−') : `+${points}`
      expect(text).toContain(`${signed.replace(/^[+−](?=0\.0$)/, '')} pp from`)
      changes += 1
    }
    expect(changes).toBeGreaterThan(0)
    const pages = Number(/Page 1 of (\d+)/.exec(text)?.[1])
    expect(text).toContain(`Page ${pages} of ${pages}`)
    expect(text.split('\f').length - 1).toBe(pages)
    expect(text).toContain('Definitions')
    expect(answer.rows).toBe(cards.length)
  })

  test('of revenue, cohorts and a metric has their numbers', async () => {
    const revenue = await pdfText((await exporter.exported(tenant, 'revenue', 'pdf')).file)
    const { body } = await platform.get<{ cards: { name: string; value: number | null }[] }>(
      tenant,
      '/api/analytics/revenue/kpis',
    )
    const mrr = body.cards.find(({ name }) => name === 'net_mrr')?.value ?? 0
    expect(mrr).toBeGreaterThan(0)
    expect(revenue).toContain(`$${(mrr / 100).toFixed(2)}`)
    // Every series in its own unit, and no customers or rates among the movements of money.
    const march = await pdfText(
      (await exporter.exported(tenant, 'revenue', 'pdf', { from: day(100), to: day(60) })).file,
    )
    const [, month = ''] = march.split('By period')
    const cells = /\n *[A-Z][a-z]{2} 20\d\d +(.*)\n/.exec(month)?.[1]?.split(/ {2,}/) ?? []
    expect(cells.at(9)).toBe('2')
    expect(
      cells.slice(10).every((cell) => /%$|^–$/.test(cell)),
      cells.join(),
    ).toBe(true)
    const [, legend = ''] = march.split('Movements of MRR')
    expect(legend.split('By period')[0]).toContain('Churned MRR')
    expect(legend.split('By period')[0]).not.toMatch(/ARR|Paying customers|rate/)
    const cohort = await pdfText((await exporter.exported(tenant, 'cohort', 'pdf', { from: day(70) })).file)
    expect(cohort).toMatch(/20\d\d-W\d\d +\d+ +100%/)
    const metric = await pdfText((await exporter.exported(tenant, 'metric', 'pdf', weekly)).file)
    const week = await platform.get<SeriesAnswer>(tenant, weeklyPath)
    const largest = Math.max(...flat(week.body).map(([, , value]) => Number(value)))
    expect(metric).toContain(`${new Intl.NumberFormat('en', { maximumFractionDigits: 1 }).format(largest)} min`)
  })

  test('keeps every word on the page, however long ids and parameters are', async () => {
    const writer = auditWriter(platform.db.pool, () => undefined)
    writer.write({
      tenant_id: tenant.id,
      at: new Date().toISOString(),
      actor: 'somebody.with.a.long.name@an-organisation.example',
      role: 'admin',
      action: 'response_times.read',
      route: 'GET /api/analytics/engagement/response-times',
      parameters: { from: day(30), to: day(0), granularity: 'week', note: 'x'.repeat(300) },
      status: 200,
      request_id: '0195e2f0-6a1c-7000-8000-00000000d3f1',
    })
    await writer.close()
    const audit = (await exporter.exported(tenant, 'audit', 'pdf')).file
    expect(await outside(audit)).toEqual([])
    const words = (await pdfText(audit)).split(/\s+/)
    expect(words.filter((word) => word === 'admin').length).toBeGreaterThan(0)
    expect(words).not.toContain('admi')
    expect(words.join(' ')).toContain('Parameters Status Request')
    for (const [type, params] of [
      ['fact_productivity', { from: day(80) }],
      ['churn_risk', {}],
      ['overview', {}],
      ['revenue', {}],
      ['cohort', { from: day(70) }],
      ['metric', weekly],
    ] as const)
      expect(await outside((await exporter.exported(tenant, type, 'pdf', params)).file), type).toEqual([])
  })

  test('of a long relation has its first rows and says where the rest is', async () => {
    const { file } = await exporter.exported(tenant, 'fact_productivity', 'pdf', { from: day(80) })
    const text = await pdfText(file)
    expect(text).toContain('member-0')
    expect(text).toContain('Goals completed')
  })
})
