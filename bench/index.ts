import { parseArgs } from 'node:util'
import { background } from './background.ts'
import { cache } from './cache.ts'
import { churnBench } from './churn/index.ts'
import { exportsBench } from './exports.ts'
import { freshness } from './freshness.ts'
import { history } from './history.ts'
import { ingest } from './ingest.ts'
import { landing } from './landing.ts'
import { late } from './late.ts'
import { ledgers } from './ledgers.ts'
import { metricsBench } from './metrics.ts'
import { overload } from './overload.ts'
import { type Bench, type BenchResult, CannotRun, type Figure } from './rounds.ts'
import { single } from './single.ts'
import { soak } from './soak.ts'
import { start } from './start.ts'
import { web } from './web.ts'

const benches: readonly Bench[] = [
  ingest,
  single,
  metricsBench,
  cache,
  background,
  late,
  ledgers,
  history,
  exportsBench,
  landing,
  freshness,
  overload,
  web,
  start,
  soak,
  churnBench,
]

const help = `Usage: npm run bench [-- <name> …] [--rounds n] [--size n] [--full] [--file path …] [--json]

Runs benches against the embedded engine, or against DATABASE_URL (a scratch database is made and dropped).
Each bench interleaves its two sides round by round and reports the ratio of each round: absolute figures move with the
machine, ratios within one round hold. The goals are those of docs/performance.md.

  --rounds n  rounds that count, after one to warm up (5)
  --size n    rows, events or minutes of each bench, instead of what it thinks fit for some minutes
  --full      sizes for hours
  --file path a log of activity of your own, for churn (repeatable)
  --json      one JSON object per bench on standard output

${benches.map(({ name, title }) => `  ${name.padEnd(10)} ${title}`).join('\n')}
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', short: 'h' },
    rounds: { type: 'string', default: '5' },
    size: { type: 'string' },
    full: { type: 'boolean', default: false },
    file: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
  },
})
const isCount = (text: string | undefined) => text === undefined || (Number.isInteger(Number(text)) && Number(text) > 0)
const chosen = positionals.length === 0 ? benches : benches.filter(({ name }) => positionals.includes(name))
const unknown = positionals.filter((name) => !benches.some((bench) => bench.name === name))

const number = (value: number) => (Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(0))

function line({ name, min, median, max, unit, bar, met }: Figure): string {
  const wanted =
    bar === undefined
      ? ''
      : `; goal ${bar.goal}: ${bar.atLeast === undefined ? `≤ ${bar.atMost}` : `≥ ${bar.atLeast}`} ${met ? 'met' : 'NOT MET'}`
  return `  ${name}: ${number(median)}${unit ? ` ${unit}` : ''} (min ${number(min)}, max ${number(max)})${wanted}`
}

function report({ title }: Bench, { ratios, notes, memory }: BenchResult): string {
  const peaks = Object.entries(memory ?? {}).map(([name, mb]) => `${name} ${mb} MB`)
  const lines = [title, ...ratios.map(line), ...notes.map((note) => `  ${note}`)]
  return `${[...lines, ...(peaks.length > 0 ? [`  peak resident memory: ${peaks.join(', ')}`] : [])].join('\n')}\n`
}

async function runAll(): Promise<void> {
  const { json, full } = values
  for (const bench of chosen) {
    const options = {
      rounds: Number(values.rounds),
      files: values.file,
      size: (usual: number, most: number) => (values.size === undefined ? (full ? most : usual) : Number(values.size)),
      log: (text: string) => void process.stderr.write(`${bench.name}: ${text}\n`),
    }
    try {
      const result = await bench.run(options)
      process.stdout.write(json ? `${JSON.stringify({ bench: bench.name, ...result })}\n` : report(bench, result))
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error
      process.stdout.write(
        json
          ? `${JSON.stringify({ bench: bench.name, skipped: error.message })}\n`
          : `${bench.name}: skipped, it ${error.message}\n`,
      )
    }
  }
}

if (values.help) process.stdout.write(help)
else if (unknown.length > 0 || !isCount(values.rounds) || !isCount(values.size)) {
  const problem =
    unknown.length > 0
      ? `There is no bench ${unknown.join(', ')}.`
      : '--rounds and --size must be whole numbers above 0.'
  process.stderr.write(`${problem}\n\n${help}`)
  process.exitCode = 1
} else await runAll()
