/** (value − previous) / previous. null without one of them, and where a percentage says nothing: of zero or a negative number. */
export const relativeChange = (value: number | null, previous: number | null): number | null =>
  value === null || previous === null || previous <= 0 ? null : (value - previous) / previous
