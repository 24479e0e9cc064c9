/** Between two lines when nobody watches a terminal. */
const LINE_MS = 5000
const REDRAW_MS = 200

const seconds = (ms: number): string => {
  const whole = Math.round(ms / 1000)
  return whole < 90 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}

export interface Progress {
  /** `done` of `total` units; total undefined when it is not known. */
  update(done: number, total: number | undefined, note?: string): void
  finish(): void
}

/** Shows rate and time left: one line that is redrawn on a terminal, a plain line now and then otherwise (stderr). */
export function progress(label: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  const started = Date.now()
  let shownAt = 0
  let first: number | undefined
  return {
    update(done, total, note = '') {
      first ??= done
      const now = Date.now()
      if (now - shownAt < (stream.isTTY ? REDRAW_MS : LINE_MS)) return
      shownAt = now
      const rate = ((done - first) / Math.max(1, now - started)) * 1000
      const left = total === undefined || rate === 0 ? '' : `, ${seconds(((total - done) / rate) * 1000)} left`
      const share = total === undefined ? '' : ` of ${total} (${Math.floor((100 * done) / Math.max(1, total))} %)`
      const line = `${label}: ${done}${share}, ${Math.round(rate)}/s${left}${note}`
      stream.write(stream.isTTY ? `\r\x1b[K${line}` : `${line}\n`)
    },
    finish() {
      if (stream.isTTY && shownAt > 0) stream.write('\r\x1b[K')
    },
  }
}
