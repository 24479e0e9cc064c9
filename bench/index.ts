import { parseArgs } from 'node:util'
import { exportsBench } from './exports.ts'
import { ingest } from './ingest.ts'
import { reads } from './reads.ts'
import type { Bench } from './rounds.ts'
import { web } from './web.ts'

const benches: readonly Bench[] = [ingest, reads, exportsBench, web]

const help = `Usage: npm run bench [-- <name> …] [--rounds n] [--json]

Runs benches against the embedded engine, or against DATABASE_URL (a scratch database: tables are made and dropped).
Each bench interleaves its two sides round by round and reports the ratio of each round: absolute figures move with the
machine, ratios within one round hold.

${benches.map(({ name, title }) => `  ${name.padEnd(10)} ${title}`).join('\n')}
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', short: 'h' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const chosen = positionals.length === 0 ? benches : benches.filter(({ name }) => positionals.includes(name))
const unknown = positionals.filter((name) => !benches.some((bench) => bench.name === name))
if (values.help) process.stdout.write(help)
else if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write(
    `${unknown.length > 0 ? `There is no bench ${unknown.join(', ')}.` : '--rounds must be a whole number.'}\n\n${help}`,
  )
  process.exitCode = 1
} else
  for (const bench of chosen) {
    const result = await bench.run({ rounds, log: (line) => process.stderr.write(`${line}\n`) })
    process.stdout.write(
      values.json
        ? `${JSON.stringify({ bench: bench.name, ...result })}\n`
        : `${bench.title}\n${result.ratios.map(({ name, min, median, max }) => `  ${name}: ${median.toFixed(2)} (min ${min.toFixed(2)}, max ${max.toFixed(2)})`).join('\n')}\n  ${result.notes.join('\n  ')}\n`,
    )
  }
