import { type ReactNode, useEffect, useId, useRef } from 'react'
import { Icon } from './icons.tsx'

/** A sheet over the page; Escape and the button close it, and the keyboard stays inside. */
export function Dialog(props: { title: string; lead?: ReactNode; onClose: () => void; children: ReactNode }) {
  const { title, lead, onClose, children } = props
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useEffect(() => {
    const before = document.activeElement
    dialog.current?.showModal()
    return () => {
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return (
    <dialog ref={dialog} aria-labelledby={heading} onClose={onClose}>
      <header className="dialog-head">
        <div>
          <h2 id={heading}>{title}</h2>
          {lead && <p className="lead">{lead}</p>}
        </div>
        <button type="button" className="button plain" onClick={onClose}>
          <Icon name="close" />
          <span className="sr">Close</span>
        </button>
      </header>
      {children}
    </dialog>
  )
}
