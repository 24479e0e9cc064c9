import { readFileSync } from 'node:fs'
import { NotificationSettingsBuilder, QueryBuilder, RuleBuilder } from '@grafana/grafana-foundation-sdk/alerting'
import { TypeReduceBuilder, TypeThresholdBuilder } from '@grafana/grafana-foundation-sdk/expr'
import { alertRules } from '../metrics/alerts/catalog.ts'
import type { AlertRule } from '../metrics/alerts/rule.ts'
import { alertSetting } from '../metrics/alerts/settings.ts'
import type { DashboardFile } from './dashboard.ts'
import { folders } from './provisioning.ts'
import { datasource, fill, identifier, literal, PostgresQuery, template } from './query.ts'

const EXPRESSIONS = { type: '__expr__', uid: '__expr__' }
const CONTACT_POINT = 'UpCoach'

/** The panel that shows what a rule watches: dashboard and title. */
const shownBy: Readonly<Record<string, readonly [string, string]>> = {
  high_risk_share: ['churn-risk', 'Members by risk'],
  high_risk_share_jump: ['churn-risk', 'Members by risk'],
  coach_book_at_risk: ['churn-risk', 'Coaches’ books'],
  wau_drop: ['engagement-pulse', 'Weekly active members, by week'],
  chat_sla_breach: ['engagement-pulse', 'Response times'],
  streak_breakers: ['goals-and-habits', 'Average streak (days)'],
  churn_mrr_above_band: ['revenue', `MRR movements (\${currency})`],
  mrr_ledger_residual: ['revenue', `Residual of the MRR ledger (\${currency})`],
  ingest_stopped: ['platform-operations', 'Events per hour'],
  aggregate_stale: ['platform-operations', 'Backlog'],
  job_failing: ['platform-operations', 'Jobs and policies'],
}

/**
 * The rule's SQL, run for every tenant in one query: alert queries have no variables, and rows become one alert each by their
 * text columns. It holds no `$`, which Grafana would take for its environment when it reads the file.
 */
export function alertSql(rule: AlertRule): string {
  const own = fill(readFileSync(rule.sql, 'utf8'), {
    from_at: `(:now::timestamptz - interval '${rule.windowSeconds} seconds')`,
  })
  const labels = rule.labels.map(identifier)
  return template('alert', {
    labels: labels.map((label) => `a.${label}, `).join(''),
    setting: literal(alertSetting(rule)),
    threshold: String(rule.threshold),
    query: literal(own),
    columns: ['"time" timestamptz', ...labels.map((label) => `${label} text`), 'value double precision'].join(', '),
  })
}

/** The rule in the shape of a provisioning file. No rows means nothing to judge, which is fine. */
function ruleOf(rule: AlertRule, panelIds: ReadonlyMap<string, number>) {
  const [dashboard = '', title = ''] = shownBy[rule.name] ?? []
  const panelId = panelIds.get(`${dashboard} ${title}`)
  if (panelId === undefined) throw new Error(`${rule.name}: no panel ${title} on ${dashboard}`)
  const range = { from: rule.windowSeconds, to: 0 }
  const built = new RuleBuilder(rule.title)
    .uid(`upcoach-${rule.name.replaceAll('_', '-')}`)
    .condition('C')
    .withQuery(
      new QueryBuilder('A')
        .datasourceUid(datasource.uid)
        .relativeTimeRange(range)
        .model(new PostgresQuery(alertSql(rule), 'time_series')),
    )
    .withQuery(
      new QueryBuilder('B')
        .datasourceUid(EXPRESSIONS.uid)
        .relativeTimeRange(range)
        .model(new TypeReduceBuilder().refId('B').datasource(EXPRESSIONS).expression('A').reducer('last')),
    )
    .withQuery(
      new QueryBuilder('C')
        .datasourceUid(EXPRESSIONS.uid)
        .relativeTimeRange(range)
        .model(
          new TypeThresholdBuilder()
            .refId('C')
            .datasource(EXPRESSIONS)
            .expression('B')
            .conditions([{ evaluator: { type: 'gt', params: [0] } }]),
        ),
    )
    .noDataState('OK')
    .execErrState('Error')
    .forDuration(`${rule.forSeconds}s`)
    .annotations({
      summary: `${rule.title}: {{ .Labels.tenant }}${rule.labels.map((label) => ` {{ .Labels.${label} }}`).join('')}`,
      description: rule.description,
      action: rule.action,
    })
    .labels({ severity: rule.severity, category: rule.category, rule: rule.name })
    .notificationSettings(
      new NotificationSettingsBuilder().receiver(CONTACT_POINT).groupBy(['grafana_folder', 'alertname', 'tenant']),
    )
    .build()
  // The file's shape is not the API's: no folder, organisation or group in the rule, and a panel to look at.
  const { folderUID: _folder, orgID: _org, ruleGroup: _group, ...file } = built
  return { ...file, isPaused: false, dashboardUid: `upcoach-${dashboard}`, panelId }
}

/** Ids of the panels by dashboard and title. */
function panelIdsOf(dashboards: readonly DashboardFile[]): ReadonlyMap<string, number> {
  const panels = dashboards.flatMap(({ name, build }) =>
    (build().build().panels ?? []).map((panel) => ({ name, panel })),
  )
  return new Map(panels.map(({ name, panel }) => [`${name} ${'title' in panel ? panel.title : ''}`, Number(panel.id)]))
}

/** Rule groups: rules of one folder that are evaluated equally often. */
export function ruleGroups(dashboards: readonly DashboardFile[]) {
  const panelIds = panelIdsOf(dashboards)
  const groups = new Map<string, AlertRule[]>()
  for (const rule of alertRules) {
    const key = `${rule.category === 'platform' ? 'operations' : 'business'} ${rule.everySeconds}`
    groups.set(key, [...(groups.get(key) ?? []), rule])
  }
  return {
    apiVersion: 1,
    groups: [...groups].map(([key, rules]) => {
      const [folder, seconds] = key.split(' ') as [keyof typeof folders, string]
      return {
        orgId: 1,
        name: `upcoach-${folder}-${seconds}s`,
        folder: folders[folder].title,
        interval: `${seconds}s`,
        rules: rules.map((rule) => ruleOf(rule, panelIds)),
      }
    }),
  }
}

/** Where alerts go. Rules name it themselves, so that an organisation's own notification policies stay as they are. */
export const contactPoints = {
  apiVersion: 1,
  contactPoints: [
    {
      orgId: 1,
      name: CONTACT_POINT,
      receivers: [
        {
          uid: 'upcoach-webhook',
          type: 'webhook',
          settings: { url: '$UPCOACH_ALERT_WEBHOOK_URL', httpMethod: 'POST' },
        },
      ],
    },
  ],
}
