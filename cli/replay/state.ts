import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'

const totalsSchema = z.object({
  records: z.number(),
  accepted: z.number(),
  duplicates: z.number(),
  rejected: z.number(),
})

/** `records`: how many of the input are answered for. */
export type Totals = z.infer<typeof totalsSchema>

export interface ReplayState {
  read(): Promise<Totals | undefined>
  write(totals: Totals): Promise<void>
  /** The file is through: the next run starts from its beginning. */
  clear(): Promise<void>
}

/**
 * How far a file has been sent, kept under the data directory. It belongs to one tenant, target and content of the file
 * (path, size, time of change): a file that changed starts anew, which is safe, because events count once.
 */
export async function replayState(dataDir: string, path: string, tenant: string, target: string): Promise<ReplayState> {
  const absolute = resolve(path)
  const { size, mtimeMs } = await stat(absolute)
  const id = createHash('sha256')
    .update(JSON.stringify([tenant, target, absolute, size, mtimeMs]))
    .digest('hex')
  const directory = join(dataDir, 'replay')
  const file = join(directory, `${id.slice(0, 24)}.json`)
  return {
    async read() {
      try {
        return totalsSchema.parse(JSON.parse(await readFile(file, 'utf8')))
      } catch {
        // None, or cut short: from the beginning.
        return undefined
      }
    },
    async write(totals) {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      await writeFile(`${file}.part`, JSON.stringify({ file: absolute, ...totals }))
      await rename(`${file}.part`, file)
    },
    clear: () => rm(file, { force: true }),
  }
}

/** Standard input cannot be read again. */
export const noState: ReplayState = {
  read: async () => undefined,
  write: async () => undefined,
  clear: async () => undefined,
}
