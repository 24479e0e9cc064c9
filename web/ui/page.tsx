import type { ReactNode } from 'react'
import { useFormat } from '../session/session.tsx'

interface PageProps {
  readonly title: string
  readonly lead?: ReactNode
  /** Everything before this instant is counted; undefined while it is not known. */
  readonly freshUntil?: string | null | undefined
  readonly controls?: ReactNode
  readonly children: ReactNode
}

/** A dashboard: its name, what it answers, how fresh it is, what can be chosen. */
export function PageFrame({ title, lead, freshUntil, controls, children }: PageProps) {
  const format = useFormat()
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>{title}</h1>
          {lead && <p className="lead">{lead}</p>}
        </div>
        {freshUntil && (
          <p className="fresh" title={format.ago(freshUntil)}>
            <i aria-hidden="true" />
            <span>
              Fresh as of <time dateTime={freshUntil}>{format.clock(freshUntil)}</time>
            </span>
          </p>
        )}
      </header>
      {controls}
      {children}
    </div>
  )
}
