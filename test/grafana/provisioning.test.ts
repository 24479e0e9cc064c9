import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { provisioningFiles } from '../../grafana/index.ts'
import { alertRules } from '../../metrics/alerts/catalog.ts'
import { metrics } from '../../metrics/catalog.ts'
import {
  provisionedAlertGroups,
  provisionedDashboards,
  provisionedFiles,
  readProvisioned,
} from '../support/grafana-dashboards.ts'

const dashboards = provisionedDashboards()

describe('what is committed', () => {
  test('is what npm run grafana:build writes', () => {
    const generated = provisioningFiles()
    expect(provisionedFiles()).toEqual([...generated.keys()].sort())
    for (const [file, content] of generated) expect(readProvisioned(file) === content, `${file} is stale`).toBe(true)
  })

  test('says in every file that it is not edited', () => {
    for (const file of provisionedFiles()) expect(readProvisioned(file), file).toContain('DO NOT EDIT')
  })
})

describe('references', () => {
  const [source] = parse(readProvisioned('datasources/upcoach.yaml')).datasources
  const { providers } = parse(readProvisioned('dashboards/upcoach.yaml')) as {
    providers: { name: string; folder: string; folderUid: string; options: { path: string } }[]
  }

  test('the data source that panels name is provisioned, without a secret in the file', () => {
    expect(source).toMatchObject({ type: 'grafana-postgresql-datasource', uid: 'upcoach-analytics', editable: false })
    expect(source.secureJsonData.password).toMatch(/^\$[A-Z_]+$/)
    // a host and port, the database's name apart
    expect(source.jsonData).toMatchObject({ timescaledb: true })
  })

  test('every folder of dashboards has a provider that reads it, and every provider a folder', () => {
    const folders = [...new Set(dashboards.map(({ file }) => file.split('/')[1]))].sort()
    expect(providers.map(({ options }) => options.path.split('/').at(-1)).sort()).toEqual(folders)
    expect(new Set(providers.map(({ folderUid }) => folderUid)).size).toBe(providers.length)
  })

  test('uids are unique', () => {
    const uids = dashboards.map(({ json }) => json.uid)
    expect(new Set(uids).size).toBe(uids.length)
  })
})

describe.each(dashboards.map((d) => [d.json.title, d] as const))('%s', (_, { json, panels }) => {
  test('panels have ids of their own and do not overlap', () => {
    const ids = json.panels.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const taken = new Map<string, string>()
    for (const { title, gridPos } of json.panels)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.get(`${x} ${y}`), `${title} lies over`).toBeUndefined()
          expect(x, `${title} is too wide`).toBeLessThan(24)
          taken.set(`${x} ${y}`, title)
        }
  })

  test('queries name only variables that the dashboard has, quoted, and no fixed buckets', () => {
    const names = new Set(json.templating.list.map(({ name }) => name))
    const queries = [
      ...panels.flatMap(({ targets }) => targets.map(({ rawSql }) => rawSql)),
      ...json.templating.list.filter(({ type }) => type === 'query').map(({ query }) => query),
      ...json.annotations.list.map(({ target }) => target.rawSql),
    ]
    for (const sql of queries) {
      for (const [, name = '', format] of sql.matchAll(/\$\{(\w+)(?::(\w+))?\}/g)) {
        expect(names, sql).toContain(name)
        expect(format, `${name} in ${sql}`).toBe('sqlstring')
      }
      // A bare $name would be taken for a variable, or a macro, of that name.
      for (const [, name = ''] of sql.matchAll(/\$(\w+)/g)) {
        expect(names, sql).not.toContain(name)
        expect(['metric', '__timeFrom', '__timeTo', '__timeFilter']).toContain(name)
      }
    }
    for (const { title } of panels)
      for (const [, name = ''] of title.matchAll(/\$\{(\w+)\}/g)) expect(names).toContain(name)
  })

  test('queries of a panel have names of their own', () => {
    for (const { title, targets } of panels)
      expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length)
  })
})

describe('the catalogue', () => {
  const queries = dashboards.flatMap(({ panels }) => panels)

  test('every metric is on a dashboard, with its definition, and links to the API', () => {
    for (const { name, definition } of metrics) {
      const own = queries.filter(({ description }) => description.includes(definition))
      expect(own.length, name).toBeGreaterThan(0)
      expect(
        own.some(({ fieldConfig }) => fieldConfig.defaults.links?.some(({ title }) => title === `${name} in the API`)),
        name,
      ).toBe(true)
    }
  })
})

describe('alert rules', () => {
  const groups = provisionedAlertGroups()
  const rules = groups.flatMap((group) => group.rules)

  test('are those of the catalogue, each once, evaluated as often and as long as it says', () => {
    expect(rules.map(({ labels }) => labels.rule).sort()).toEqual(alertRules.map(({ name }) => name).sort())
    expect(new Set(rules.map(({ uid }) => uid)).size).toBe(rules.length)
    expect(new Set(groups.map(({ name }) => name)).size).toBe(groups.length)
    for (const { interval, rules: own } of groups)
      for (const rule of own) {
        const definition = alertRules.find(({ name }) => name === rule.labels.rule)
        expect(interval).toBe(`${definition?.everySeconds}s`)
        // Grafana evaluates in steps of ten seconds.
        expect(Number.parseInt(interval, 10) % 10).toBe(0)
        expect(rule.for).toBe(`${definition?.forSeconds}s`)
      }
  })

  test('refer to a folder, a panel, a data source and a contact point that are provisioned', () => {
    const { providers } = parse(readProvisioned('dashboards/upcoach.yaml'))
    const { contactPoints } = parse(readProvisioned('alerting/contact-points.yaml'))
    for (const { folder, rules: own } of groups) {
      expect(providers.map((provider: { folder: string }) => provider.folder)).toContain(folder)
      for (const rule of own) {
        const dashboard = dashboards.find(({ json }) => json.uid === rule.dashboardUid)
        expect(
          dashboard?.panels.map(({ id }) => id),
          rule.title,
        ).toContain(rule.panelId)
        expect(rule.data.map(({ refId }) => refId)).toContain(rule.condition)
        expect(rule.data[0].datasourceUid).toBe('upcoach-analytics')
        expect(contactPoints.map(({ name }: { name: string }) => name)).toContain(rule.notification_settings.receiver)
      }
    }
  })

  test('hold nothing that Grafana would replace by its environment or cannot put in', () => {
    for (const { data, annotations, title } of rules) {
      expect(data[0].model.format).toBe('time_series')
      expect(`${data[0].model.rawSql}${Object.values(annotations).join('')}${title}`).not.toContain('$')
    }
    expect(readProvisioned('alerting/contact-points.yaml')).toContain('$UPCOACH_ALERT_WEBHOOK_URL')
  })
})
