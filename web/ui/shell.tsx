import { type ReactNode, Suspense, useEffect, useRef, useState } from 'react'
import { landing, pageAt, pages } from '../pages.ts'
import { useSession } from '../session/session.tsx'
import { setToken } from '../session/token.ts'
import { usePath, useSearch } from '../view/router.ts'
import { carriedSearch } from '../view/view.ts'
import { Icon, Mark } from './icons.tsx'
import { Link } from './link.tsx'
import { PageSkeleton } from './state.tsx'
import { setTheme, type Theme, useTheme } from './theme.ts'

const roleTitles = { admin: 'Admin', coach: 'Coach', finance: 'Finance' } as const

/** Menu, page, and what belongs to neither. */
export function Shell() {
  const { tenant, role } = useSession()
  const path = usePath()
  const search = useSearch()
  const [isOpen, setOpen] = useState(false)
  const main = useRef<HTMLElement>(null)
  const isFirst = useRef(true)
  const page = pageAt(path, role)
  const allowed = page?.roles.includes(role) ? page : undefined

  useEffect(() => {
    document.title = `${allowed?.title ?? 'Not found'} · ${tenant.name} · UpCoach analytics`
    setOpen(false)
    // The reader of the page follows to the new one; on the first nothing has moved.
    if (!isFirst.current) main.current?.focus()
    isFirst.current = false
  }, [allowed, tenant.name])

  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to content
      </a>
      <header className="bar">
        <button
          type="button"
          className="button plain menu-button"
          aria-expanded={isOpen}
          aria-controls="menu"
          onClick={() => setOpen(!isOpen)}
        >
          <Icon name={isOpen ? 'close' : 'menu'} />
          <span className="sr">Menu</span>
        </button>
        <span className="bar-title">{allowed?.title ?? tenant.name}</span>
      </header>
      <nav id="menu" className={isOpen ? 'menu open' : 'menu'} aria-label="Dashboards">
        <div className="brand">
          <Mark />
          <div>
            <strong>{tenant.name}</strong>
            <span>UpCoach analytics</span>
          </div>
        </div>
        <ul>
          {pages
            .filter(({ roles }) => roles.includes(role))
            .map(({ path: to, title, icon }) => (
              <li key={to}>
                <Link
                  href={(to === landing[role] ? '/' : to) + carriedSearch(search)}
                  aria-current={page?.path === to ? 'page' : undefined}
                  onClick={() => setOpen(false)}
                >
                  <Icon name={icon} />
                  {title}
                </Link>
              </li>
            ))}
        </ul>
        <div className="menu-foot">
          <span className="quiet">Signed in as {roleTitles[role]}</span>
          <ThemeChoice />
          <button type="button" className="button plain" onClick={() => setToken(undefined)}>
            <Icon name="leave" size={18} />
            Sign out
          </button>
        </div>
      </nav>
      <main id="main" ref={main} tabIndex={-1}>
        <Suspense fallback={<PageSkeleton />}>
          {allowed ? <allowed.component key={allowed.path} /> : <NotHere />}
        </Suspense>
      </main>
    </div>
  )
}

/** One dashboard inside somebody else's page: no menu, no way elsewhere. */
export function EmbedShell({ dashboard }: { dashboard: string }): ReactNode {
  const { role } = useSession()
  const page = pages.find(({ path, roles }) => path === `/${dashboard}` && roles.includes(role))
  const overview = dashboard === 'overview' ? pages[0] : undefined
  const shown = page ?? overview
  return (
    <main className="embed">
      <Suspense fallback={<PageSkeleton />}>{shown ? <shown.component /> : <NotHere />}</Suspense>
    </main>
  )
}

const themes: readonly Theme[] = ['system', 'light', 'dark']
const themeTitles = { system: 'As the system', light: 'Light', dark: 'Dark' } as const
const themeIcons = { system: 'system', light: 'sun', dark: 'moon' } as const

function ThemeChoice() {
  const theme = useTheme()
  return (
    <fieldset className="themes">
      <legend className="sr">Colours</legend>
      {themes.map((name) => (
        <label key={name} title={themeTitles[name]}>
          <input type="radio" name="theme" checked={theme === name} onChange={() => setTheme(name)} />
          <Icon name={themeIcons[name]} size={16} />
          <span className="sr">{themeTitles[name]}</span>
        </label>
      ))}
    </fieldset>
  )
}

function NotHere() {
  return (
    <div className="page">
      <h1>There is nothing here</h1>
      <p>
        The page does not exist, or your role does not see it. <Link href="/">Go to the start</Link>.
      </p>
    </div>
  )
}
