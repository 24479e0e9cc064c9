import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { z } from 'zod'

const root = fileURLToPath(new URL('../../grafana/provisioning/', import.meta.url))

const datasource = z.object({ type: z.literal('grafana-postgresql-datasource'), uid: z.literal('upcoach-analytics') })
const target = z.strictObject({
  refId: z.string().regex(/^[A-Z]\d*$|^Anno$/),
  datasource,
  format: z.enum(['time_series', 'table']),
  rawQuery: z.literal(true),
  editorMode: z.literal('code'),
  rawSql: z.string().min(1),
})
const gridPos = z.object({
  x: z.int().min(0).max(23),
  y: z.int().min(0),
  w: z.int().min(1).max(24),
  h: z.int().min(1),
})
const link = z.looseObject({ title: z.string(), url: z.string().optional() })
const panel = z.looseObject({
  id: z.int().positive(),
  type: z.enum(['stat', 'timeseries', 'table', 'barchart', 'heatmap']),
  title: z.string().min(1),
  description: z.string().min(1),
  datasource,
  gridPos,
  links: z.array(link).optional(),
  targets: z.array(target).min(1),
  transformations: z.array(z.object({ id: z.enum(['merge', 'groupingToMatrix']), options: z.unknown() })).optional(),
  fieldConfig: z.looseObject({
    defaults: z.looseObject({ unit: z.string().optional(), links: z.array(link).optional() }),
    overrides: z.array(
      z.object({
        matcher: z.object({ id: z.string(), options: z.unknown() }),
        properties: z.array(z.object({ id: z.string(), value: z.unknown().optional() })),
      }),
    ),
  }),
})
export type PanelJson = z.infer<typeof panel>
const row = z.looseObject({ id: z.int().positive(), type: z.literal('row'), title: z.string().min(1), gridPos })
const variable = z.looseObject({
  name: z.string().regex(/^[a-z_]+$/),
  type: z.enum(['query', 'custom', 'textbox']),
  query: z.string(),
  allValue: z.string().optional(),
  includeAll: z.boolean().optional(),
  multi: z.boolean().optional(),
})
export type VariableJson = z.infer<typeof variable>

/** Grafana's dashboard JSON, schema version 42, as far as we use it. */
export const dashboardSchema = z.looseObject({
  uid: z.string().max(40),
  title: z.string().min(1),
  description: z.string().min(1),
  schemaVersion: z.literal(42),
  editable: z.boolean(),
  tags: z.array(z.string()),
  time: z.object({ from: z.string(), to: z.string() }),
  panels: z.array(z.union([row, panel])).min(2),
  templating: z.object({ list: z.array(variable).min(1) }),
  annotations: z.object({
    list: z.array(z.looseObject({ name: z.string(), enable: z.boolean(), iconColor: z.string(), datasource, target })),
  }),
})

export interface DashboardJson {
  readonly file: string
  readonly json: z.infer<typeof dashboardSchema>
  readonly panels: readonly PanelJson[]
}

/** Paths of everything that is provisioned, relative to `grafana/provisioning`. */
export const provisionedFiles = (): string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath.slice(root.length)}/${entry.name}`.replace(/^\//, ''))
    .sort()

export const readProvisioned = (file: string): string => readFileSync(`${root}${file}`, 'utf8')

/** Every committed dashboard, checked against its schema. */
export const provisionedDashboards = (): DashboardJson[] =>
  provisionedFiles()
    .filter((file) => file.endsWith('.json'))
    .map((file) => {
      const json = dashboardSchema.parse(JSON.parse(readProvisioned(file)))
      return { file, json, panels: json.panels.filter((p): p is PanelJson => p.type !== 'row') }
    })

const duration = z.string().regex(/^\d+s$/)
const expression = z.looseObject({ type: z.enum(['reduce', 'threshold']), expression: z.string() })
const alertRule = z.strictObject({
  uid: z.string().max(40),
  title: z.string().min(1),
  condition: z.string(),
  data: z.tuple([
    z.object({ refId: z.string(), datasourceUid: z.string(), relativeTimeRange: z.unknown(), model: target }),
    z.object({
      refId: z.string(),
      datasourceUid: z.literal('__expr__'),
      relativeTimeRange: z.unknown(),
      model: expression,
    }),
    z.object({
      refId: z.string(),
      datasourceUid: z.literal('__expr__'),
      relativeTimeRange: z.unknown(),
      model: expression,
    }),
  ]),
  dashboardUid: z.string(),
  panelId: z.int(),
  noDataState: z.enum(['NoData', 'Alerting', 'OK', 'KeepLast']),
  execErrState: z.enum(['Error', 'Alerting', 'OK', 'KeepLast']),
  for: duration,
  isPaused: z.boolean(),
  annotations: z.record(z.string(), z.string()),
  labels: z.looseObject({ rule: z.string(), severity: z.string() }),
  notification_settings: z.object({ receiver: z.string(), group_by: z.array(z.string()) }),
})

/** Rule groups in the shape of Grafana's provisioning files. */
export const alertGroupsSchema = z.object({
  apiVersion: z.literal(1),
  groups: z.array(
    z.object({
      orgId: z.literal(1),
      name: z.string(),
      folder: z.string(),
      interval: duration,
      rules: z.array(alertRule).min(1),
    }),
  ),
})

export const provisionedAlertGroups = () =>
  alertGroupsSchema.parse(parse(readProvisioned('alerting/rules.yaml'))).groups
export const provisionedAlertRules = () => provisionedAlertGroups().flatMap(({ rules }) => rules)
