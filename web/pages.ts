import { type ComponentType, lazy } from 'react'
import type { Session } from './session/session.tsx'
import type { IconName } from './ui/icons.tsx'

export interface Page {
  readonly path: string
  readonly title: string
  readonly icon: IconName
  readonly roles: readonly Session['role'][]
  readonly component: ComponentType
}

const everybody = ['admin', 'coach', 'finance'] as const
const members = ['admin', 'coach'] as const
const money = ['admin', 'finance'] as const

/** Every dashboard, in the order of the menu. Each is a chunk of its own, fetched when it is opened. */
export const pages: readonly Page[] = [
  {
    path: '/',
    title: 'Overview',
    icon: 'overview',
    roles: ['admin'],
    component: lazy(() => import('./dashboards/overview.tsx')),
  },
  {
    path: '/today',
    title: 'My members',
    icon: 'overview',
    roles: ['coach'],
    component: lazy(() => import('./dashboards/today.tsx')),
  },
  {
    path: '/engagement',
    title: 'Engagement',
    icon: 'engagement',
    roles: members,
    component: lazy(() => import('./dashboards/engagement.tsx')),
  },
  {
    path: '/goals',
    title: 'Goals & habits',
    icon: 'goals',
    roles: members,
    component: lazy(() => import('./dashboards/goals.tsx')),
  },
  {
    path: '/coaches',
    title: 'Coaches',
    icon: 'coaches',
    roles: members,
    component: lazy(() => import('./dashboards/coach-insights.tsx')),
  },
  {
    path: '/nudges',
    title: 'AI nudges',
    icon: 'nudges',
    roles: members,
    component: lazy(() => import('./dashboards/nudges.tsx')),
  },
  {
    path: '/cohorts',
    title: 'Cohorts',
    icon: 'cohorts',
    roles: members,
    component: lazy(() => import('./dashboards/cohorts.tsx')),
  },
  {
    path: '/revenue',
    title: 'Revenue',
    icon: 'revenue',
    roles: money,
    component: lazy(() => import('./dashboards/revenue.tsx')),
  },
  {
    path: '/churn',
    title: 'Churn risk',
    icon: 'churn',
    roles: members,
    component: lazy(() => import('./dashboards/churn.tsx')),
  },
  {
    path: '/alerts',
    title: 'Alerts',
    icon: 'alerts',
    roles: everybody,
    component: lazy(() => import('./dashboards/alerts.tsx')),
  },
  {
    path: '/exports',
    title: 'Exports',
    icon: 'exports',
    roles: money,
    component: lazy(() => import('./dashboards/exports.tsx')),
  },
  {
    path: '/dictionary',
    title: 'Metric dictionary',
    icon: 'dictionary',
    roles: everybody,
    component: lazy(() => import('./dashboards/dictionary.tsx')),
  },
]

/** Where each role begins. */
export const landing: Readonly<Record<Session['role'], string>> = { admin: '/', coach: '/today', finance: '/revenue' }

/** The page of an address: the longest path it begins with. */
export function pageAt(path: string, role: Session['role']): Page | undefined {
  const at = path === '/' ? landing[role] : path.replace(/\/$/, '')
  return pages.find((page) => page.path === at || (page.path !== '/' && at.startsWith(`${page.path}/`)))
}
