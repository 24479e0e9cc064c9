import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  type Panel,
  RowBuilder,
  type VariableModel,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { annotations } from './annotations.ts'

export interface DashboardFile {
  /** Of the file and, with a prefix, the uid: links to a dashboard stay when its title changes. */
  readonly name: string
  readonly folder: 'business' | 'operations'
  readonly build: () => DashboardBuilder
}

/** A dashboard with what all have in common: range, annotations, links to the others. */
export function dashboard(options: {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly folder?: DashboardFile['folder']
  readonly from?: string
  readonly variables: readonly Builder<VariableModel>[]
  /** Rows of panels, by title. Panels flow from left to right. */
  readonly rows: Readonly<Record<string, readonly Builder<Panel>[]>>
}): DashboardFile {
  const folder = options.folder ?? 'business'
  const build = () => {
    const builder = new DashboardBuilder(options.title)
      .uid(`upcoach-${options.name}`)
      .description(options.description)
      .tags(['upcoach', folder])
      .time({ from: options.from ?? 'now-90d', to: 'now' })
      .timezone('browser')
      .weekStart('monday')
      .refresh('5m')
      .tooltip(DashboardCursorSync.Crosshair)
      .editable()
      .variables([...options.variables])
      .annotations(annotations())
      .link(
        new DashboardLinkBuilder('Dashboards')
          .type(DashboardLinkType.Dashboards)
          .tags(['upcoach'])
          .asDropdown(true)
          .keepTime(true)
          .includeVars(true),
      )
    let id = 0
    for (const [title, panels] of Object.entries(options.rows)) {
      builder.withRow(new RowBuilder(title).id(++id))
      for (const panel of panels) {
        // Alert rules and links name panels by id.
        const numbered = { ...panel.build(), id: ++id }
        builder.withPanel({ build: () => numbered })
      }
    }
    return builder
  }
  return { name: options.name, folder, build }
}
