import type { z } from 'zod'
import type { riskMemberSchema } from '../../../api/schemas/churn-risk.ts'
import { useFormat } from '../../session/session.tsx'

export type RiskMember = z.infer<typeof riskMemberSchema>

const bandTitles = { high: 'High', medium: 'Medium', low: 'Low' } as const

/** Members by risk, with the reasons in words: whom to call, and what about. */
export function RiskList({ members, withCoach }: { members: readonly RiskMember[]; withCoach: boolean }) {
  const format = useFormat()
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className="scroll" tabIndex={0} aria-label="Members by risk">
      <table className="list risk">
        <thead>
          <tr>
            <th scope="col">Member</th>
            <th scope="col" className="text">
              Risk
            </th>
            <th scope="col" className="text">
              Why
            </th>
            <th scope="col">Last seen</th>
            <th scope="col" className="text">
              Plan
            </th>
            {withCoach && (
              <th scope="col" className="text">
                Coach
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {members.map((member) => (
            <tr key={member.user_id} data-member={member.user_id}>
              <th scope="row">{member.user_id}</th>
              <td className="text">
                <span className={`status ${member.band}`}>
                  {bandTitles[member.band]} · {format.percent(member.probability, 0)}
                </span>
                <Moved member={member} />
              </td>
              <td className="text wrap">{member.reasons.map(({ text }) => text).join(' · ') || '–'}</td>
              <td>
                {member.days_since_last_action === 0
                  ? 'that day'
                  : `${format.value(member.days_since_last_action, { kind: 'days' })} before`}
              </td>
              <td className="text">{member.plan || '–'}</td>
              {withCoach && <td className="text">{member.coach_id || '–'}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

/** Where the risk was a week before, when it moved by five points or more. */
function Moved({ member }: { member: RiskMember }) {
  const format = useFormat()
  if (member.previous === null || Math.abs(member.probability - member.previous) < 0.05) return null
  const rose = member.probability > member.previous
  return (
    <span className={`change ${rose ? 'bad' : 'good'} small`}>
      {' '}
      <span aria-hidden="true">{rose ? '▲' : '▼'}</span> from {format.percent(member.previous, 0)}
    </span>
  )
}
