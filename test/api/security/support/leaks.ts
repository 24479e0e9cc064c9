/** What an answer must not hold: where we run, how we ask the database, what went wrong inside. */
const leaks: readonly (readonly [string, RegExp])[] = [
  ['a stack frame', /\n?\s+at [\w.<>[\] ]*\(?(file:|node:|\/)/],
  ['a path of ours', /node_modules|\/(api|db|workers|objects|metrics)\/[\w/-]+\.(ts|sql|js)\b|\/tmp\/upcoach/],
  ['SQL', /\b(select|insert|update|delete)\b[\s\S]{0,80}\b(from|into|set)\b\s+(analytics|tenant)\./i],
  ['a relation', /\banalytics\.[a-z_]{3,}\b|\b_timescaledb_\w+/],
  [
    'an error of PostgreSQL',
    /syntax error at or near|violates [a-z]+[- ]constraint|invalid (input syntax|byte sequence)/,
  ],
  [
    'an error of JavaScript',
    /TypeError|RangeError|ReferenceError|Cannot read propert|is not a function|undefined is not/,
  ],
  ['a token', /eyJ[\w-]{8,}\.[\w-]{8,}\./],
]

/** Names of what `text` gives away; `secrets` are words it must not hold either. `sent` is the request: its own words are no leak. */
export function leaksIn(text: string, secrets: readonly string[], sent = ''): string[] {
  const found = leaks.flatMap(([name, pattern]) => {
    const hit = pattern.exec(text)?.[0]
    return hit === undefined || sent.includes(hit) ? [] : [`${name}: ${hit}`]
  })
  return [...found, ...secrets.filter((secret) => text.includes(secret)).map(() => 'a secret')]
}
