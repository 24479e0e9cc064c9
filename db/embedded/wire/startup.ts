/** First packet of a connection: a request to encrypt, to cancel, or to start. */
export type StartupPacket =
  | { readonly kind: 'encryption' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'unsupported'; readonly version: string }
  | {
      readonly kind: 'start'
      readonly minor: number
      readonly user: string
      readonly database: string
      /** Server settings, from parameters of their own and from `options=-c name=value`, in the order they apply. */
      readonly settings: ReadonlyMap<string, string>
      readonly protocolOptions: readonly string[]
    }

const CODE = { cancel: 80877102, ssl: 80877103, gss: 80877104 } as const

/** Parameters of the packet that are no server settings. */
const NOT_SETTINGS = new Set(['user', 'database', 'options', 'replication'])

/** @param bytes the whole packet, its Int32 length included */
export function readStartup(bytes: Buffer): StartupPacket {
  const code = bytes.length >= 8 ? bytes.readInt32BE(4) : 0
  if (code === CODE.ssl || code === CODE.gss) return { kind: 'encryption' }
  if (code === CODE.cancel) return { kind: 'cancel' }
  const major = code >>> 16
  const minor = code & 0xffff
  if (major !== 3) return { kind: 'unsupported', version: `${major}.${minor}` }

  const fields = bytes.toString('utf8', 8).split('\0')
  const parameters = new Map<string, string>()
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i]
    if (!name) break
    parameters.set(name, fields[i + 1] ?? '')
  }
  const user = parameters.get('user') ?? 'postgres'
  const settings = new Map(readOptions(parameters.get('options') ?? ''))
  const protocolOptions: string[] = []
  for (const [name, value] of parameters) {
    if (name.startsWith('_pq_.')) protocolOptions.push(name)
    else if (!NOT_SETTINGS.has(name)) settings.set(name, value)
  }
  return { kind: 'start', minor, user, database: parameters.get('database') || user, settings, protocolOptions }
}

/** `-c name=value` and `--name=value` of the `options` parameter; a backslash keeps the next character, as in PostgreSQL. */
function readOptions(options: string): [string, string][] {
  const words = (options.match(/(?:\\.|[^\s\\])+/gs) ?? []).map((word) => word.replace(/\\(.)/gs, '$1'))
  const settings: [string, string][] = []
  for (let i = 0; i < words.length; i++) {
    let word = words[i] ?? ''
    if (word === '-c') word = words[++i] ?? ''
    else if (word.startsWith('--')) word = word.slice(2)
    else if (word.startsWith('-c')) word = word.slice(2)
    else continue
    const equals = word.indexOf('=')
    if (equals > 0) settings.push([word.slice(0, equals).replaceAll('-', '_'), word.slice(equals + 1)])
  }
  return settings
}
