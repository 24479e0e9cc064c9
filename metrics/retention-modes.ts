/** What counts as retained; docs at the query parameter `mode` of `GET /api/analytics/cohorts`. */
export const retentionModes = ['classic', 'rolling', 'bracket', 'calendar', 'recurring', 'recurring_rolling'] as const

/** Cohorts and their columns are days, ISO weeks or months. */
export const cohortUnits = ['day', 'week', 'month'] as const
