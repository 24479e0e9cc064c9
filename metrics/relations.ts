/** Queries behind dashboards that are not time series. Parameters as for metrics (see `Metric`), plus their own. */
export const heatmapSql = new URL('./heatmap.sql', import.meta.url)
export const cohortsSql = new URL('./cohorts.sql', import.meta.url)
export const cohortsRecurringSql = new URL('./cohorts-recurring.sql', import.meta.url)
export const cohortsBracketSql = new URL('./cohorts-bracket.sql', import.meta.url)
export const coachesSql = new URL('./coaches.sql', import.meta.url)
export const responseTimesSql = new URL('./response-times.sql', import.meta.url)
