import { randomUUID } from 'node:crypto'
import { constants, type Dirent } from 'node:fs'
import { type FileHandle, mkdir, open, opendir, readdir, realpath, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { keyParts, prefixParts } from './key.ts'
import { Measure } from './measure.ts'
import { type LinkQuery, signLink, verifyLink } from './signed-link.ts'
import { InvalidKey, type LinkOptions, ObjectNotFound, type ObjectStore, type StoredObject } from './store.ts'

/** Half-written objects; no key can name it, because parts do not begin with a dot. */
const DRAFTS = '.drafts'
/** Drafts of processes that were killed are removed when they are older than any upload can be. */
const DRAFT_LIFETIME_MS = 24 * 3600 * 1000

export interface LocalStoreOptions {
  readonly directory: string
  /** Signs links. */
  readonly linkSecret: Uint8Array
  /** Origin of the API that serves links, without a slash at its end. */
  readonly origin: string
}

/** Objects as files, readable by their owner only. Links lead to `GET /objects/*` of our own API. */
export class LocalObjectStore implements ObjectStore {
  readonly #options: LocalStoreOptions
  #root: Promise<string> | undefined

  constructor(options: LocalStoreOptions) {
    this.#options = options
  }

  async put(key: string, body: Readable | Uint8Array): Promise<{ bytes: number; sha256: string }> {
    const root = await this.#ready()
    const path = await this.#inside(root, keyParts(key), 'create')
    const draft = join(root, DRAFTS, randomUUID())
    const measure = new Measure()
    try {
      const file = await open(draft, 'wx', 0o600)
      const input = body instanceof Readable ? body : Readable.from([body])
      // The stream closes the file, also when the input fails; `flush` makes it durable first.
      await pipeline(input, measure, file.createWriteStream({ flush: true }))
      await rename(draft, path)
    } catch (error) {
      await rm(draft, { force: true })
      throw error
    }
    await syncDirectory(dirname(path))
    return { bytes: measure.bytes, sha256: measure.sha256() }
  }

  async get(key: string): Promise<Readable> {
    return (await this.#open(key)).createReadStream()
  }

  async head(key: string): Promise<{ bytes: number } | undefined> {
    try {
      const file = await this.#open(key)
      try {
        return { bytes: (await file.stat()).size }
      } finally {
        await file.close()
      }
    } catch (error) {
      if (error instanceof ObjectNotFound) return undefined
      throw error
    }
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    const { directories, begins } = prefixParts(prefix)
    const root = await this.#ready()
    yield* walk(join(root, ...directories), directories, (name) => name.startsWith(begins))
  }

  async delete(key: string): Promise<void> {
    const root = await this.#ready()
    try {
      await unlink(await this.#inside(root, keyParts(key), 'look'))
    } catch (error) {
      if (!isAbsent(error)) throw error
    }
  }

  async signedUrl(key: string, options: LinkOptions): Promise<string> {
    keyParts(key)
    return `${this.#options.origin}${signLink(this.#options.linkSecret, key, options)}`
  }

  /** For the route that serves links. */
  verify(key: string, query: LinkQuery): 'valid' | 'invalid' | 'expired' {
    return verifyLink(this.#options.linkSecret, key, query)
  }

  async close(): Promise<void> {}

  async #ready(): Promise<string> {
    this.#root ??= prepare(this.#options.directory)
    try {
      return await this.#root
    } catch (error) {
      this.#root = undefined
      throw error
    }
  }

  async #open(key: string): Promise<FileHandle> {
    const root = await this.#ready()
    try {
      const file = await open(
        await this.#inside(root, keyParts(key), 'look'),
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      )
      if ((await file.stat()).isFile()) return file
      await file.close()
      throw new ObjectNotFound(key)
    } catch (error) {
      if (isAbsent(error)) throw new ObjectNotFound(key, { cause: error })
      throw error
    }
  }

  /** The path of a key, after making sure that no link on the way leads out of the store. */
  async #inside(root: string, parts: readonly string[], mode: 'create' | 'look'): Promise<string> {
    const path = join(root, ...parts)
    const parent = dirname(path)
    if (mode === 'create') await mkdir(parent, { recursive: true, mode: 0o700 })
    const real = await realpath(parent)
    if (real !== parent || !`${real}${sep}`.startsWith(`${root}${sep}`))
      throw new InvalidKey('a directory of the store is a link')
    return path
  }
}

/** O_NOFOLLOW on a link is ELOOP; a file where a directory should be is ENOTDIR. */
const isAbsent = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

async function prepare(directory: string): Promise<string> {
  await mkdir(join(directory, DRAFTS), { recursive: true, mode: 0o700 })
  const root = await realpath(directory)
  for (const name of await readdir(join(root, DRAFTS))) {
    const draft = join(root, DRAFTS, name)
    const age = await stat(draft).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    if (age > DRAFT_LIFETIME_MS) await rm(draft, { force: true })
  }
  return root
}

/** Makes a rename durable. Windows cannot open directories and does not need it. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

async function* walk(
  directory: string,
  parts: readonly string[],
  isWanted: (name: string) => boolean,
): AsyncIterable<StoredObject> {
  let entries: AsyncIterable<Dirent>
  try {
    entries = await opendir(directory)
  } catch (error) {
    if (isAbsent(error)) return
    throw error
  }
  for await (const entry of entries) {
    if (entry.name.startsWith('.') || !isWanted(entry.name)) continue
    const path = join(directory, entry.name)
    const found = [...parts, entry.name]
    if (entry.isDirectory()) yield* walk(path, found, () => true)
    else if (entry.isFile()) {
      const info = await stat(path).catch(() => undefined)
      if (info) yield { key: found.join('/'), bytes: info.size, modifiedAt: info.mtime }
    }
  }
}
