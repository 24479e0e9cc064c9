import { type ReactElement, type ReactNode, useEffect, useRef, useState } from 'react'
import { flushSync } from 'react-dom'
import { ResponsiveContainer } from 'recharts'

/** Charts less than this far below or above what is seen are drawn at once. */
const MARGIN = '300px 0px'

interface ChartProps {
  readonly label: string
  readonly height: number
  readonly children: ReactElement
}

/**
 * Room for a chart, drawn at once near the viewport, elsewhere when the browser has time, one chart after the other: a change of
 * what is shown waits for what is seen only, and what is printed or saved is there all the same.
 */
export function Chart({ label, height, children }: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const [isNear, setNear] = useState(false)
  const [drawn, setDrawn] = useState<ReactNode>(null)
  useEffect(() => {
    if (!box.current) return
    const observer = new IntersectionObserver(([entry]) => setNear(entry?.isIntersecting ?? true), {
      rootMargin: MARGIN,
    })
    observer.observe(box.current)
    return () => observer.disconnect()
  }, [])
  useEffect(() => {
    // What is on the page already: the same element, which draws nothing anew.
    if (isNear) return setDrawn(children)
    // All of its cost here, and none in a batch with the next one's.
    return whenIdle(() => flushSync(() => setDrawn(children)))
  }, [isNear, children])
  return (
    <div className="chart" role="img" aria-label={label} style={{ minHeight: height }} ref={box}>
      <ResponsiveContainer width="100%" height={height}>
        {isNear ? children : drawn}
      </ResponsiveContainer>
    </div>
  )
}

/** Calls when nothing else is to be done; what it returns takes that back. Safari knows no idle time. */
function whenIdle(work: () => void): () => void {
  if (typeof requestIdleCallback === 'undefined') {
    const timer = setTimeout(work, 100)
    return () => clearTimeout(timer)
  }
  const handle = requestIdleCallback(work, { timeout: 3000 })
  return () => cancelIdleCallback(handle)
}
