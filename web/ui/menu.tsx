import { type ReactNode, useRef } from 'react'
import { Icon } from './icons.tsx'

/** A few actions behind a button. Escape, a choice, or leaving it closes it. */
export function Menu({ label, children }: { label: string; children: ReactNode }) {
  const details = useRef<HTMLDetailsElement>(null)
  const close = () => details.current?.removeAttribute('open')
  return (
    <details
      className="actions"
      ref={details}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) close()
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return
        close()
        details.current?.querySelector('summary')?.focus()
      }}
    >
      <summary aria-label={label}>
        <Icon name="more" />
      </summary>
      {/* biome-ignore lint/a11y: a click on any of the buttons inside is a choice */}
      <div className="actions-list" onClick={close}>
        {children}
      </div>
    </details>
  )
}
