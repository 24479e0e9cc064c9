import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { type EventNames, eventNamesSchema, type Reading } from '../../sources/named-events.ts'
import { openInput, readLines } from '../replay/read-file.ts'
import { replayState } from '../replay/state.ts'
import { UserError } from '../run.ts'
import { type Loaded, type Loading, loadEvents } from './load-events.ts'

/** The file of `--map`; none maps nothing. */
export async function readNames(path: string | undefined): Promise<EventNames> {
  if (path === undefined) return eventNamesSchema.parse({})
  const text = await readFile(path, 'utf8').catch(() => {
    throw new UserError(`${path} cannot be read`)
  })
  try {
    return eventNamesSchema.parse(JSON.parse(text))
  } catch (error) {
    const [issue] = error instanceof z.ZodError ? error.issues : []
    throw new UserError(`${path}: ${issue ? `${issue.path.join('.')}: ${issue.message}` : 'not JSON'}`)
  }
}

export interface EventFile {
  readonly path: string
  readonly read: (line: unknown) => readonly Reading[]
  readonly dataDir: string
  /** What a stopped run must have in common with this one to be gone on with. */
  readonly about: readonly [tenant: string, ...unknown[]]
}

/** A file of another tool's events, one a line (`.gz` is decompressed), going on where an earlier run of it stopped. */
export async function loadFile({ path, read, dataDir, about }: EventFile, loading: Loading): Promise<Loaded> {
  const input = await openInput(path, 'ndjson')
  const state = await replayState(dataDir, path, about[0], JSON.stringify([loading.source, ...about]))
  const records = async function* () {
    for await (const line of readLines(input.stream)) yield read(line)
  }
  const loaded = await loadEvents(records(), loading, state)
  await state.clear()
  return loaded
}
