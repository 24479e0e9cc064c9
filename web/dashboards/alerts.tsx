import type { z } from 'zod'
import { type alertSchema, alertsAnswerSchema } from '../../api/schemas/alerts.ts'
import { useRead } from '../api/queries.ts'
import { useFormat } from '../session/session.tsx'
import { Icon } from '../ui/icons.tsx'
import { PageFrame } from '../ui/page.tsx'
import { Empty, Loaded } from '../ui/state.tsx'

export type Alert = z.infer<typeof alertSchema>

const states = {
  firing: { title: 'Firing', icon: 'cross' },
  pending: { title: 'Pending', icon: 'warning' },
  ok: { title: 'OK', icon: 'check' },
  no_data: { title: 'No data', icon: 'more' },
} as const

/** Every rule and how it stands, the urgent ones first, with what to do about them. */
export default function Alerts() {
  const query = useRead('/alerts', alertsAnswerSchema, {}, { everyMs: 60_000 })
  return (
    <PageFrame title="Alerts" lead={query.data && headline(query.data.firing)} freshUntil={query.data?.evaluated_at}>
      <Loaded
        query={query}
        empty={({ alerts }) =>
          alerts.length === 0 && <Empty title="No rule concerns you">Rules are switched on per tenant.</Empty>
        }
      >
        {({ alerts }) => (
          <>
            <Loud alerts={alerts.filter(({ state }) => !isQuiet(state))} />
            <Quiet alerts={alerts.filter(({ state }) => isQuiet(state))} />
          </>
        )}
      </Loaded>
    </PageFrame>
  )
}

const headline = (firing: number): string =>
  firing === 0 ? 'Nothing is firing' : firing === 1 ? 'One alert is firing' : `${firing} alerts are firing`

const isQuiet = (state: Alert['state']): boolean => state === 'ok' || state === 'no_data'

const Loud = ({ alerts }: { alerts: readonly Alert[] }) =>
  alerts.length > 0 && (
    <ul className="alerts">
      {alerts.map((alert) => (
        <AlertRow key={`${alert.rule} ${Object.values(alert.labels).join()}`} alert={alert} />
      ))}
    </ul>
  )

function AlertRow({ alert }: { alert: Alert }) {
  const format = useFormat()
  const { title, icon } = states[alert.state]
  const labels = Object.values(alert.labels).join(', ')
  return (
    <li className={`panel alert ${alert.state}`} data-rule={alert.rule}>
      <div>
        <h2>
          {alert.title}
          {labels && <span className="quiet"> · {labels}</span>}
        </h2>
        <p>{alert.description}</p>
        <p>
          <b>What to do:</b> {alert.action}
        </p>
      </div>
      <div className="alert-state">
        <span className={`status ${alert.state}`}>
          <Icon name={icon} size={14} />
          {title}
        </span>
        <span>
          <b>{format.value(alert.value, alert.unit)}</b>{' '}
          <span className="quiet">fires above {format.value(alert.threshold, alert.unit)}</span>
        </span>
        <span className="quiet">since {format.instant(alert.since)}</span>
      </div>
    </li>
  )
}

/** More rows of one rule than that, all alike, are one. */
const ROWS_OF_A_RULE = 5

/** Alerts of one rule that differ in their labels only, as one: 13 jobs of which none fails. The value nearest to firing stands for all. */
function folded(alerts: readonly Alert[]): { alert: Alert; of: string; count: number }[] {
  const kind = ({ rule, state }: Alert) => `${rule} ${state}`
  const groups = [...new Set(alerts.map(kind))].map((one) => alerts.filter((alert) => kind(alert) === one))
  return groups.flatMap((group) => {
    const [first] = group
    if (!first || group.length <= ROWS_OF_A_RULE)
      return group.map((alert) => ({ alert, of: Object.values(alert.labels).join(', '), count: 1 }))
    const alert = group.reduce((most, one) => ((one.value ?? 0) > (most.value ?? 0) ? one : most), first)
    const label = Object.keys(alert.labels).join(', ')
    return [{ alert, of: `${group.length} × ${label}`, count: group.length }]
  })
}

/** Rules that are in order: one line each, without the noise. */
function Quiet({ alerts }: { alerts: readonly Alert[] }) {
  const format = useFormat()
  if (alerts.length === 0) return null
  return (
    <section className="panel" aria-labelledby="quiet">
      <h2 id="quiet">In order</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section className="scroll" tabIndex={0} aria-label="Rules in order">
        <table className="list stacked rules">
          <thead>
            <tr>
              <th scope="col">Rule</th>
              <th scope="col">Now</th>
              <th scope="col">Fires above</th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {folded(alerts).map(({ alert, of, count }) => (
              <tr key={`${alert.rule} ${alert.state} ${of}`} data-rule={alert.rule} data-count={count}>
                <th scope="row" title={alert.description}>
                  {alert.title} <span className="quiet">{of}</span>
                </th>
                <td data-label="Now">{format.value(alert.value, alert.unit)}</td>
                <td data-label="Fires above">{format.value(alert.threshold, alert.unit)}</td>
                <td data-label="State">
                  <span className={`status ${alert.state === 'ok' ? 'ok' : 'neutral'}`}>
                    <Icon name={states[alert.state].icon} size={14} />
                    {states[alert.state].title}
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  )
}
