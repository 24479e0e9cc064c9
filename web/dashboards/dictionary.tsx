import { useState } from 'react'
import { catalogueAnswerSchema } from '../../api/schemas/catalogue.ts'
import { categories, dimensionTitles } from '../../metrics/metric.ts'
import { useRead } from '../api/queries.ts'
import { useFormat } from '../session/session.tsx'
import { targetText } from '../ui/cards.tsx'
import { PageFrame } from '../ui/page.tsx'
import { Empty, Loaded } from '../ui/state.tsx'

const categoryTitles = {
  engagement: 'Engagement',
  goals: 'Goals',
  habits: 'Habits',
  ai: 'AI',
  coaching: 'Coaching',
  retention: 'Retention',
  revenue: 'Revenue',
} as const

const title = (name: string): string =>
  name in dimensionTitles ? dimensionTitles[name as keyof typeof dimensionTitles] : name

/** What every number means, what is wanted of it, and how it can be cut. */
export default function Dictionary() {
  const format = useFormat()
  const [wanted, setWanted] = useState('')
  const query = useRead('/metrics', catalogueAnswerSchema)
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean)
  return (
    <PageFrame
      title="Metric dictionary"
      lead="What every number means, as precisely as it is computed"
      freshUntil={query.data?.fresh_until}
      controls={
        <div className="controls">
          <label className="search">
            <span className="sr">Search metrics</span>
            <input
              type="search"
              placeholder="Search"
              value={wanted}
              onChange={(event) => setWanted(event.target.value)}
            />
          </label>
        </div>
      }
    >
      <Loaded query={query}>
        {({ metrics }) => {
          const found = metrics.filter((metric) => {
            const text = `${metric.name} ${metric.title} ${metric.definition}`.toLowerCase()
            return words.every((word) => text.includes(word))
          })
          if (found.length === 0) return <Empty title="No metric has these words">Try fewer of them.</Empty>
          return categories
            .map((category) => [category, found.filter((metric) => metric.category === category)] as const)
            .filter(([, of]) => of.length > 0)
            .map(([category, of]) => (
              <section key={category} aria-labelledby={category}>
                <h2 id={category} className="section">
                  {categoryTitles[category]}
                </h2>
                <dl className="dictionary">
                  {of.map((metric) => (
                    <div key={metric.name} data-metric={metric.name}>
                      <dt>
                        {metric.title}
                        <code>{metric.name}</code>
                      </dt>
                      <dd>
                        <p>{metric.definition}</p>
                        <ul className="facts">
                          {metric.target && <li className="aim">{targetText(metric, format)}</li>}
                          <li>Unit: {metric.unit.kind === 'money' ? metric.unit.currency : metric.unit.kind}</li>
                          <li>From {metric.grain === 'hour' ? 'hours' : `${metric.grain}s`} up</li>
                          {metric.dimensions.length > 0 && <li>By {metric.dimensions.map(title).join(', ')}</li>}
                        </ul>
                      </dd>
                    </div>
                  ))}
                </dl>
              </section>
            ))
        }}
      </Loaded>
    </PageFrame>
  )
}
