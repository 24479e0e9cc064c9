export const bands = ['low', 'medium', 'high'] as const
export type Band = (typeof bands)[number]

/** Probabilities from which on a member is in the band. */
export const bandThresholds = { medium: 0.2, high: 0.5 } as const

export function bandOf(probability: number): Band {
  if (probability >= bandThresholds.high) return 'high'
  return probability >= bandThresholds.medium ? 'medium' : 'low'
}
