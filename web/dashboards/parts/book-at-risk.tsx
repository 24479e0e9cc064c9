import { churnRiskAnswerSchema } from '../../../api/schemas/churn-risk.ts'
import type { Parameters } from '../../api/client.ts'
import { useRead } from '../../api/queries.ts'
import { Panel } from '../../charts/panel.tsx'
import { useFormat } from '../../session/session.tsx'
import { Link } from '../../ui/link.tsx'
import { Empty, Loaded } from '../../ui/state.tsx'
import type { RiskMember } from './risk-list.tsx'

const NAMED = 3

/** Each coach's members at high risk, the most urgent named with their strongest reason. */
export function BookAtRisk({ filters }: { filters: Parameters }) {
  const format = useFormat()
  const query = useRead('/churn-risk', churnRiskAnswerSchema, { ...filters, band: 'high', limit: '500' })
  return (
    <Loaded query={query} height={200}>
      {({ as_of, members }) => {
        const books = new Map<string, RiskMember[]>()
        for (const member of members) books.set(member.coach_id, [...(books.get(member.coach_id) ?? []), member])
        const sorted = [...books].sort(([, a], [, b]) => b.length - a.length)
        return (
          <Panel
            title="Book at risk"
            lead="Members at high risk of falling silent, by coach, and why"
            cells={() => [
              ['Member', 'Coach', 'Probability', 'Reasons'],
              ...members.map((member) => [
                member.user_id,
                member.coach_id,
                member.probability,
                member.reasons.map(({ text }) => text).join('; '),
              ]),
            ]}
          >
            {as_of === null ? (
              <Empty title="Nobody has been scored yet">Members are scored once a night from what they did.</Empty>
            ) : sorted.length === 0 ? (
              <Empty title="No book is at risk">Nobody is at high risk of falling silent.</Empty>
            ) : (
              <ul className="books">
                {sorted.map(([coach, book]) => (
                  <li key={coach}>
                    <div>
                      <Link href={`/churn?band=high&coach=${encodeURIComponent(coach)}`}>{coach || 'No coach'}</Link>
                      <b>{format.count(book.length)}</b>
                      <span className="quiet">at high risk</span>
                    </div>
                    <ul>
                      {book.slice(0, NAMED).map((member) => (
                        <li key={member.user_id}>
                          <b>{member.user_id}</b> {format.percent(member.probability, 0)}
                          <span className="quiet"> {member.reasons[0]?.text}</span>
                        </li>
                      ))}
                    </ul>
                  </li>
                ))}
              </ul>
            )}
          </Panel>
        )
      }}
    </Loaded>
  )
}
