import { cardsAnswerSchema } from '../../api/schemas/card.ts'
import { churnRiskAnswerSchema } from '../../api/schemas/churn-risk.ts'
import { responseTimesAnswerSchema } from '../../api/schemas/response-times.ts'
import { useRead } from '../api/queries.ts'
import { useEmbed } from '../session/embed.ts'
import { useFormat, useSession } from '../session/session.tsx'
import { MetricCard } from '../ui/cards.tsx'
import { Link } from '../ui/link.tsx'
import { PageFrame } from '../ui/page.tsx'
import { Empty, Loaded } from '../ui/state.tsx'
import { RiskList } from './parts/risk-list.tsx'

/** Whom a coach should call today, and how the own members do. */
export default function Today() {
  const { coach_id } = useSession()
  const isEmbedded = useEmbed() !== undefined
  const risk = useRead('/churn-risk', churnRiskAnswerSchema, { limit: '10' }, { everyMs: 300_000 })
  const cards = useRead('/goals/overview', cardsAnswerSchema)
  const waiting = useRead('/engagement/response-times', responseTimesAnswerSchema, {}, { everyMs: 120_000 })
  const format = useFormat()
  return (
    <PageFrame
      title="My members"
      lead={`Whom to call today, ${coach_id ?? 'coach'}`}
      freshUntil={waiting.data?.fresh_until}
    >
      <Loaded query={waiting} height={60}>
        {(data) =>
          data.waiting > 0 ? (
            <p className="notice" data-metric="waiting">
              <b>
                {format.count(data.waiting)} {data.waiting === 1 ? 'member waits' : 'members wait'} for your answer
              </b>
              {data.waiting_over_sla > 0 &&
                `, ${data.waiting_over_sla === data.waiting ? '' : `${format.count(data.waiting_over_sla)} of them `}longer than ${data.sla_hours} hours`}
              .
            </p>
          ) : (
            <p className="notice fine">Nobody waits for your answer.</p>
          )
        }
      </Loaded>
      <Loaded
        query={risk}
        height={340}
        empty={({ as_of }) =>
          as_of === null && (
            <Empty title="Nobody has been scored yet">
              Members are scored once a night from what they did in the last weeks.
            </Empty>
          )
        }
      >
        {(data) => (
          <section className="panel" aria-labelledby="call">
            <header className="panel-head">
              <div>
                <h2 id="call">Call these first</h2>
                <p className="lead">
                  {format.count(data.totals.high)} of your {format.count(data.totals.members)} members are at high risk
                  of falling silent
                </p>
              </div>
              {!isEmbedded && <Link href="/churn">All members</Link>}
            </header>
            <RiskList members={data.members} withCoach={false} />
          </section>
        )}
      </Loaded>
      <Loaded query={cards} height={130}>
        {(data) => (
          <section aria-labelledby="goals">
            <h2 id="goals" className="section">
              Their goals, last full {data.granularity}
            </h2>
            <div className="cards">
              {data.cards.map((card) => (
                <MetricCard key={card.name} card={card} href="/goals" />
              ))}
            </div>
          </section>
        )}
      </Loaded>
    </PageFrame>
  )
}
