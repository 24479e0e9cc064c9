interface SparklineProps {
  readonly values: readonly (number | null)[]
  readonly tone?: 'good' | 'bad' | 'plain'
}

const WIDTH = 120
const HEIGHT = 36
const PAD = 4

/** The shape of the last periods beside a number; the number and its change say the rest. */
export function Sparkline({ values, tone = 'plain' }: SparklineProps) {
  const known = values.filter((value) => value !== null)
  if (known.length < 2) return <svg className="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" />
  const low = Math.min(...known)
  const span = Math.max(...known) - low || 1
  const x = (index: number) => PAD + (index * (WIDTH - 2 * PAD)) / (values.length - 1)
  const y = (value: number) => HEIGHT - PAD - ((value - low) / span) * (HEIGHT - 2 * PAD)
  const points = values.flatMap((value, index) => (value === null ? [] : [[x(index), y(value)] as const]))
  const line = points.map(([px, py], index) => `${index === 0 ? 'M' : 'L'}${px.toFixed(1)} ${py.toFixed(1)}`).join('')
  const [lastX, lastY] = points.at(-1) ?? [0, 0]
  const [firstX] = points[0] ?? [0]
  return (
    <svg className={`sparkline ${tone}`} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" focusable="false">
      <path className="fill" d={`${line}L${lastX.toFixed(1)} ${HEIGHT}L${firstX.toFixed(1)} ${HEIGHT}Z`} />
      <path className="line" d={line} />
      <circle cx={lastX} cy={lastY} r="3" />
    </svg>
  )
}
