import type { ReactNode } from 'react'
import { cardsAnswerSchema } from '../../api/schemas/card.ts'
import { categories, type Granularity } from '../../metrics/metric.ts'
import { useRead } from '../api/queries.ts'
import type { Format } from '../format.ts'
import { useEmbed } from '../session/embed.ts'
import { useFormat } from '../session/session.tsx'
import { type Card, MetricCard, targetText } from '../ui/cards.tsx'
import { Choice } from '../ui/controls.tsx'
import { Link } from '../ui/link.tsx'
import { move, movedBy, toneOf } from '../ui/moves.ts'
import { PageFrame } from '../ui/page.tsx'
import { Empty, Loaded } from '../ui/state.tsx'
import { navigate, usePath, useSearch } from '../view/router.ts'
import { carriedSearch, withChange } from '../view/view.ts'
import { Attention } from './parts/attention.tsx'

type Period = Exclude<Granularity, 'hour'>
const periods = ['day', 'week', 'month'] as const

/** Where a pillar is explained, and what it is called here. */
const pillars: Readonly<Record<Card['category'], { title: string; path: string }>> = {
  engagement: { title: 'Engagement', path: '/engagement' },
  goals: { title: 'Goals', path: '/goals' },
  habits: { title: 'Habits', path: '/goals' },
  ai: { title: 'AI', path: '/nudges' },
  coaching: { title: 'Coaching', path: '/coaches' },
  retention: { title: 'Retention', path: '/cohorts' },
  revenue: { title: 'Revenue', path: '/revenue' },
}

/** The numbers the business is steered by, first; the order is the order of the requirements. */
const headline = [
  'net_mrr',
  'wau',
  'goal_completion_rate',
  'average_streak_days',
  'ai_session_satisfaction',
  'd7_retention',
]

/** The week on one page: what moved, what is off its target, and every pillar's numbers. */
export default function Overview() {
  const path = usePath()
  const search = useSearch()
  const period = periods.find((name) => name === new URLSearchParams(search).get('period')) ?? 'week'
  const query = useRead('/overview', cardsAnswerSchema, { granularity: period }, { everyMs: 120_000 })
  return (
    <PageFrame
      title="Overview"
      lead={query.data ? <Lead cards={query.data.cards} period={period} /> : 'How the business does'}
      freshUntil={query.data?.fresh_until}
      controls={
        <fieldset className="controls">
          <legend className="sr">What is shown</legend>
          <Choice
            label="Period"
            value={period}
            options={[
              ['day', 'Yesterday'],
              ['week', 'Last full week'],
              ['month', 'Last full month'],
            ]}
            onChange={(value) =>
              navigate(path + withChange(search, { period: value === 'week' ? undefined : value }), { replace: true })
            }
          />
        </fieldset>
      }
    >
      <Loaded
        query={query}
        height={420}
        empty={({ cards }) =>
          cards.every(({ value }) => !value) && (
            <Empty title="No numbers yet">
              Send members’ events to <code>POST /api/analytics/events</code>, and connect Stripe or RevenueCat. The
              first full {period} shows up here by itself.
            </Empty>
          )
        }
      >
        {({ cards }) => <Cards cards={cards} period={period} />}
      </Loaded>
    </PageFrame>
  )
}

function Lead({ cards, period }: { cards: readonly Card[]; period: Period }): ReactNode {
  const format = useFormat()
  const t =
    cards.find(({ name, period: at }) => name === 'wau' && at !== null)?.period ??
    cards.find(({ period: at }) => at)?.period
  return t ? `${format.bucket(t, period)}, against the ${period} before` : `The last full ${period}`
}

function Cards({ cards, period }: { cards: readonly Card[]; period: Period }) {
  const search = useSearch()
  const isEmbedded = useEmbed() !== undefined
  const byName = new Map(cards.map((card) => [card.name, card]))
  const first = headline.flatMap((name) => byName.get(name) ?? [])
  const rest = cards.filter(({ name }) => !headline.includes(name))
  const href = ({ category }: Card) => pillars[category].path + carriedSearch(search)
  return (
    <>
      <div className="first">
        <InShort cards={cards} period={period} />
        {!isEmbedded && <Attention />}
      </div>
      <section aria-labelledby="headline">
        <h2 id="headline" className="section">
          Headline numbers
        </h2>
        <div className="cards">
          {first.map((card) => (
            <MetricCard key={card.name} card={card} href={href(card)} />
          ))}
        </div>
      </section>
      <section aria-labelledby="rest">
        <h2 id="rest" className="section">
          All other numbers
        </h2>
        <div className="cards tight">
          {categories
            .flatMap((category) => rest.filter((card) => card.category === category))
            .map((card) => (
              <MetricCard
                key={card.name}
                card={card}
                href={href(card)}
                pillar={pillars[card.category].title}
                size="small"
              />
            ))}
        </div>
      </section>
    </>
  )
}

/** Three or four sentences that somebody could read out in a meeting. */
function InShort({ cards, period }: { cards: readonly Card[]; period: Period }) {
  const format = useFormat()
  const search = useSearch()
  const aimed = cards.filter(({ status }) => status !== null)
  const good = aimed.filter(({ status }) => status === 'on_track')
  const told = aimed.filter(({ status }) => status !== 'on_track').slice(0, 3)
  const moved = cards
    .filter((card) => toneOf(card) !== 'plain')
    .sort((a, b) => Math.abs(b.change ?? 0) - Math.abs(a.change ?? 0))
  const better = moved.find((card) => toneOf(card) === 'good' && !told.includes(card))
  const worse = moved.find((card) => toneOf(card) === 'bad' && !told.includes(card))
  const link = (card: Card) => <Link href={pillars[card.category].path + carriedSearch(search)}>{card.title}</Link>
  return (
    <section className="short" aria-labelledby="short">
      <h2 id="short">The {period} in short</h2>
      <div className="score" aria-hidden="true">
        <strong>
          {good.length}
          <span>/{aimed.length}</span>
        </strong>
        <span>targets met</span>
      </div>
      <ul>
        <li className="sr">
          {good.length} of {aimed.length} targets are met.
        </li>
        {told.map((card) => (
          <li key={card.name} className={card.status ?? ''}>
            {link(card)} {missedText(card, format, period)}
          </li>
        ))}
        {better && (
          <li className="good">
            {link(better)} went {(move(better) ?? 0) > 0 ? 'up' : 'down'} ({movedBy(better, format)}) to{' '}
            <b>{format.value(better.value, better.unit)}</b>.
          </li>
        )}
        {worse && (
          <li className="bad">
            {link(worse)} went {(move(worse) ?? 0) > 0 ? 'up' : 'down'} ({movedBy(worse, format)}) to{' '}
            <b>{format.value(worse.value, worse.unit)}</b>.
          </li>
        )}
      </ul>
    </section>
  )
}

function missedText(card: Card, format: Format, period: Period): ReactNode {
  const target = targetText(card, format)?.replace('Target', 'the target is')
  const isSame = Math.abs(card.change ?? 1) < 0.0005
  const now =
    card.target?.of !== 'change' ? (
      <>
        is at <b>{format.value(card.value, card.unit)}</b>
      </>
    ) : isSame ? (
      `did not change against the ${period} before`
    ) : (
      <>
        changed by <b>{format.change(card.change)}</b> on the {period} before
      </>
    )
  return (
    <>
      {now}; {target}.
    </>
  )
}
