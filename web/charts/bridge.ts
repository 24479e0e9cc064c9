export interface Step {
  readonly key: string
  readonly title: string
  /** Signed change; for `total` the level itself. */
  readonly value: number
  readonly kind: 'total' | 'up' | 'down'
}

export interface BridgeBar extends Step {
  /** From the lower to the higher end of the bar. */
  readonly span: [number, number]
  readonly text: string
}

/** Levels stand on zero; each change begins where the one before it ended, and says what it adds or takes away. */
export function bridgeBars(steps: readonly Step[], write: (value: number) => string): BridgeBar[] {
  let level = 0
  return steps.map((step) => {
    const from = step.kind === 'total' ? 0 : level
    level = step.kind === 'total' ? step.value : level + step.value
    const sign = step.kind !== 'total' && step.value > 0 ? '+' : ''
    return { ...step, span: [Math.min(from, level), Math.max(from, level)], text: sign + write(step.value) }
  })
}
