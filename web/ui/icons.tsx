import type { ReactNode } from 'react'

const paths = {
  overview: 'M4 13h6V4H4zM14 20h6V4h-6zM4 20h6v-3H4z',
  engagement: 'M3 12h4l3-8 4 16 3-8h4',
  revenue: 'M4 20V10M10 20V4M16 20v-7M21 20H3',
  coaches: 'M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2 21c0-4 3-7 7-7s7 3 7 7M17 4a4 4 0 0 1 0 7M18 14c2.500.8 4 3.500 4 7',
  goals: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8z',
  nudges: 'M6 16V11a6 6 0 1 1 12 0v5l2 2H4zM10 21h4',
  cohorts: 'M4 20V4M4 20h16M8 16h2M8 12h6M8 8h10',
  churn: 'M12 3l9 16H3zM12 10v4M12 16.500v.5',
  alerts: 'M5 21V4h13l-3 4 3 4H5',
  exports: 'M12 3v12M7 10l5 5 5-5M4 20h16',
  dictionary: 'M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3zM5 17a3 3 0 0 1 3-3h11',
  menu: 'M4 6h16M4 12h16M4 18h16',
  close: 'M5 5l14 14M19 5L5 19',
  more: 'M12 5.500v.01M12 12v.01M12 18.500v.01',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2',
  moon: 'M20 14A8 8 0 1 1 10 4a7 7 0 0 0 10 10z',
  system: 'M3 5h18v11H3zM8 20h8M12 16v4',
  leave: 'M10 4H5v16h5M15 8l4 4-4 4M19 12H9',
  check: 'M5 12l5 5 9-10',
  warning: 'M12 6v8M12 17.500v.5',
  cross: 'M7 7l10 10M17 7L7 17',
} as const
export type IconName = keyof typeof paths

/** A drawing beside words that say the same; screen readers skip it. */
export function Icon({ name, size = 20 }: { name: IconName; size?: number }): ReactNode {
  return (
    <svg className="icon" viewBox="0 0 24 24" width={size} height={size} aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  )
}

export function Mark(): ReactNode {
  return (
    <svg className="mark" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M8 21l5-6 4 4 7-9" />
    </svg>
  )
}
