import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import { type AnnotationQuery, AnnotationQueryBuilder } from '@grafana/grafana-foundation-sdk/dashboard'
import { datasource, literal, PostgresQuery, template } from './query.ts'

function annotation(name: string, kind: 'deploy' | 'retention', color: string): Builder<AnnotationQuery> {
  const sql = template('annotation', { kind: literal(kind) })
  const query = new AnnotationQueryBuilder()
    .name(name)
    .datasource(datasource)
    .enable(true)
    .hide(false)
    .iconColor(color)
    .build()
  // The SDK's target is of another data source's shape; Grafana reads this one.
  const target = new PostgresQuery(sql, 'table', 'Anno').build()
  return { build: () => ({ ...query, target }) }
}

/** What happened to the platform: a step in a curve may be a release, a gap a retention run. */
export const annotations = (): Builder<AnnotationQuery>[] => [
  annotation('Deploys', 'deploy', 'purple'),
  annotation('Retention runs', 'retention', 'orange'),
]
