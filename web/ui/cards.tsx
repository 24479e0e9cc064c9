import type { z } from 'zod'
import type { cardSchema } from '../../api/schemas/card.ts'
import { Sparkline } from '../charts/sparkline.tsx'
import type { Format } from '../format.ts'
import { useFormat } from '../session/session.tsx'
import { Link } from './link.tsx'
import { toneOf } from './moves.ts'
import { Change, StatusBadge } from './status.tsx'

export type Card = z.infer<typeof cardSchema>

/** "Target ≥ 65 %", "Target +25 % a week". */
export function targetText(card: Pick<Card, 'target' | 'unit'>, format: Format): string | undefined {
  const { target, unit } = card
  if (!target) return undefined
  const sign = target.direction === 'at_least' ? '≥' : '≤'
  if (target.of === 'change') return `Target ${format.change(target.value)}`
  return `Target ${sign} ${format.value(target.value, unit)}`
}

interface MetricCardProps {
  readonly card: Card
  readonly href?: string
  readonly than?: string
  /** Written above the title, where cards of several pillars stand together. */
  readonly pillar?: string
  readonly size?: 'large' | 'small'
}

/** One number with its change, target and shape; a link to the dashboard that explains it. */
export function MetricCard({ card, href, than, pillar, size = 'large' }: MetricCardProps) {
  const format = useFormat()
  const target = targetText(card, format)
  return (
    <article className={`card ${size}`} data-metric={card.name}>
      {pillar && <span className="eyebrow">{pillar}</span>}
      <header>
        <h3>{href ? <Link href={href}>{card.title}</Link> : card.title}</h3>
        {card.status && <StatusBadge status={card.status} />}
      </header>
      <p className="figure">{format.value(card.value, card.unit)}</p>
      <footer>
        <div>
          <Change moved={card} {...(than ? { than } : {})} />
          {target && <span className="target">{target}</span>}
        </div>
        <Sparkline values={card.trend.map(({ value }) => value)} tone={toneOf(card)} />
      </footer>
    </article>
  )
}
