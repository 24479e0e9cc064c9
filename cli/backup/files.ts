import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import type { Config } from '../../config.ts'
import { attachOrOpen } from '../../db/attach.ts'
import { holdStill } from '../../db/embedded/hold-still.ts'
import { UserError } from '../run.ts'

/** Parts of DATA_DIR; what else is there (lock, socket) belongs to a running process. */
const CLUSTER = 'pgdata'
const OBJECTS = 'objects'
const SECRETS = 'secrets.json'
const MANIFEST = 'manifest.json'

const manifestSchema = z.object({
  format: z.literal(1),
  created_at: z.iso.datetime(),
  /** By path with slashes, relative to the backup. */
  files: z.record(z.string(), z.object({ bytes: z.int(), sha256: z.string() })),
  /** Also those without files: PostgreSQL does not start when one is missing. */
  directories: z.array(z.string()),
})
type Manifest = z.infer<typeof manifestSchema>

export interface Copied {
  readonly files: number
  readonly bytes: number
}

/**
 * A copy of DATA_DIR that is whole or not there: made under another name, renamed when its manifest is written. Objects are copied
 * after the database, so every object that the copied database names is there, unless it has just been deleted for good.
 */
export async function createBackup(
  config: Config,
  directory: string,
  options: { readonly secrets: boolean },
): Promise<Copied> {
  const target = resolve(directory)
  if (!(await exists(join(config.dataDir, CLUSTER)))) throw new UserError(`there is no database in ${config.dataDir}`)
  if (await exists(target)) throw new UserError(`${directory} exists already: name a new directory`)
  const draft = `${target}.unfinished`
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { recursive: true, mode: 0o700 })
  try {
    const database = await attachOrOpen(config)
    try {
      await holdStill(database.connection, () => copyTree(join(config.dataDir, CLUSTER), join(draft, CLUSTER)))
    } finally {
      await database.close()
    }
    if (config.S3_BUCKET === undefined && (await exists(join(config.dataDir, OBJECTS))))
      await copyTree(join(config.dataDir, OBJECTS), join(draft, OBJECTS))
    if (options.secrets && (await exists(join(config.dataDir, SECRETS))))
      await copyFile(join(config.dataDir, SECRETS), join(draft, SECRETS))
    const manifest = await manifestOf(draft)
    await writeFile(join(draft, MANIFEST), JSON.stringify(manifest), { mode: 0o600, flush: true })
    await rename(draft, target)
    return sizeOf(manifest)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    throw error
  }
}

/** Checks a backup file by file and puts it where DATA_DIR is to be. Nothing is there when it fails. */
export async function restoreBackup(config: Config, directory: string): Promise<Copied> {
  const source = resolve(directory)
  const { dataDir } = config
  if ((await readdir(dataDir).catch(() => [])).length > 0)
    throw new UserError(`${dataDir} is not empty: restore into a new DATA_DIR, or move the old one away`)
  const text = await readFile(join(source, MANIFEST), 'utf8').catch(() => undefined)
  const parsed = manifestSchema.safeParse(text === undefined ? undefined : parseJson(text))
  if (!parsed.success) throw new UserError(`${directory} is no backup: it has no ${MANIFEST} of this program`)
  const manifest = parsed.data
  const draft = `${dataDir}.restoring`
  await rm(draft, { recursive: true, force: true })
  try {
    await mkdir(draft, { recursive: true, mode: 0o700 })
    for (const path of manifest.directories) await mkdir(inside(draft, path), { recursive: true, mode: 0o700 })
    for (const [path, { bytes, sha256 }] of Object.entries(manifest.files)) {
      const to = inside(draft, path)
      await copyFile(inside(source, path), to).catch(() => {
        throw new UserError(`the backup is damaged: ${path} cannot be read`)
      })
      await chmod(to, 0o600)
      const found = await measured(to)
      if (found.bytes !== bytes || found.sha256 !== sha256)
        throw new UserError(`the backup is damaged: ${path} is not what was copied`)
    }
    await rm(dataDir, { recursive: true, force: true })
    await rename(draft, dataDir)
    return sizeOf(manifest)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    throw error
  }
}

const sizeOf = ({ files }: Manifest): Copied => ({
  files: Object.keys(files).length,
  bytes: Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0),
})

async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    // Half-written objects, and what a process is just writing under another name.
    if (entry.name.startsWith('.drafts')) continue
    if (entry.isDirectory()) await copyTree(join(from, entry.name), join(to, entry.name))
    else if (entry.isFile())
      await copyFile(join(from, entry.name), join(to, entry.name)).catch((error: NodeJS.ErrnoException) => {
        // An object that expired in between.
        if (error.code !== 'ENOENT') throw error
      })
  }
}

async function manifestOf(root: string): Promise<Manifest> {
  const files: Manifest['files'] = {}
  const directories: string[] = []
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const name = relative(root, path).split(sep).join('/')
    if (entry.isDirectory()) directories.push(name)
    else files[name] = await measured(path)
  }
  return { format: 1, created_at: new Date().toISOString(), files, directories: directories.sort() }
}

async function measured(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return { bytes: (await stat(path)).size, sha256: hash.digest('hex') }
}

/** A manifest may be anybody's: it names files inside only. */
function inside(root: string, path: string): string {
  const full = resolve(root, path)
  if (!full.startsWith(`${root}${sep}`) || dirname(full) === full)
    throw new UserError(`the backup names a file outside: ${path}`)
  return full
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
