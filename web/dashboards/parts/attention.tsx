import { alertsAnswerSchema } from '../../../api/schemas/alerts.ts'
import { churnRiskAnswerSchema } from '../../../api/schemas/churn-risk.ts'
import { useRead } from '../../api/queries.ts'
import { useFormat } from '../../session/session.tsx'
import { Link } from '../../ui/link.tsx'
import { Loaded } from '../../ui/state.tsx'

const SHOWN = 4

/** What is on fire, and how many members are about to be lost. */
export function Attention() {
  const format = useFormat()
  const alerts = useRead('/alerts', alertsAnswerSchema, {}, { everyMs: 120_000 })
  const risk = useRead('/churn-risk', churnRiskAnswerSchema, { limit: '1' })
  return (
    <section className="panel attention" aria-labelledby="attention">
      <h2 id="attention">Needs attention</h2>
      <Loaded query={risk} height={40}>
        {({ totals, as_of }) =>
          as_of !== null && (
            <p>
              <Link href="/churn?band=high">
                <b>{format.count(totals.high)}</b> of {format.count(totals.members)} members
              </Link>{' '}
              are likely to fall silent
            </p>
          )
        }
      </Loaded>
      <Loaded query={alerts} height={80}>
        {(data) => {
          const urgent = data.alerts.filter(({ state }) => state === 'firing' || state === 'pending')
          if (urgent.length === 0) return <p className="quiet">No alert is firing.</p>
          return (
            <ul>
              {urgent.slice(0, SHOWN).map((alert) => (
                <li key={`${alert.rule} ${Object.values(alert.labels).join()}`}>
                  <span className={`status ${alert.state}`}>{alert.state === 'firing' ? 'Firing' : 'Pending'}</span>
                  <Link href="/alerts">{[alert.title, ...Object.values(alert.labels)].join(' · ')}</Link>
                </li>
              ))}
              {urgent.length > SHOWN && (
                <li>
                  <Link href="/alerts">{urgent.length - SHOWN} more</Link>
                </li>
              )}
            </ul>
          )
        }}
      </Loaded>
    </section>
  )
}
