import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyBaseLogger } from 'fastify'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Where the built dashboards are: index.html, assets/ and the stamp of what they were built from. */
export const WEB_DIST = join(root, 'web', 'dist')
export const STAMP = '.built-from'

/** What the bundle is made of; the lock file stands for the libraries. */
const SOURCES = ['web', 'api/schemas', 'metrics', 'sources/revenue', 'package-lock.json']

const unlessMissing = async <T>(work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function filesOf(path: string): Promise<string[]> {
  const entries = await readdir(join(root, path), { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOTDIR') return undefined
      throw error
    },
  )
  if (entries === undefined) return [join(root, path)]
  return entries
    .filter((entry) => entry.isFile() && /\.(tsx?|css|html|svg)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.startsWith(WEB_DIST))
}

/** A hash of everything the bundle is made of; undefined where only the built files are (a container image). */
export async function webSources(): Promise<string | undefined> {
  if ((await unlessMissing(readFile(join(root, 'web', 'index.html')))) === undefined) return undefined
  const files = (await Promise.all(SOURCES.map(filesOf))).flat().sort()
  const hash = createHash('sha256')
  for (const file of files)
    hash
      .update(file.slice(root.length))
      .update('\0')
      .update(await readFile(file))
  return hash.digest('hex')
}

/**
 * The directory of the built dashboards, built now when they are missing or older than their sources. Undefined, with a
 * warning, when they can neither be found nor built: the API works without them.
 */
export async function builtWeb(logger: Pick<FastifyBaseLogger, 'info' | 'warn'>): Promise<string | undefined> {
  const built = await unlessMissing(readFile(join(WEB_DIST, STAMP), 'utf8'))
  const sources = await webSources()
  if (built !== undefined && (sources === undefined || sources === built)) return WEB_DIST
  logger.info({}, 'building the dashboards')
  if (sources !== undefined && (await build())) return WEB_DIST
  logger.warn({}, 'the dashboards are not built: run npm ci with development dependencies, then npm run build')
  return built === undefined ? undefined : WEB_DIST
}

/** In a process of its own: the bundler's memory and NODE_ENV are not the server's. */
function build(): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', join(root, 'cli', 'build.ts')], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    child.once('error', () => resolve(false))
    child.once('exit', (code) => resolve(code === 0))
  })
}
