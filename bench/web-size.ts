import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

const manifestSchema = z.record(
  z.string(),
  z.object({
    file: z.string(),
    imports: z.array(z.string()).default([]),
  }),
)
type Manifest = z.infer<typeof manifestSchema>

/** The landing view of each role. */
export const landings = ['overview', 'today', 'revenue'] as const

export const readManifest = async (dist: string): Promise<Manifest> =>
  manifestSchema.parse(JSON.parse(await readFile(join(dist, '.vite', 'manifest.json'), 'utf8')))

/** A chunk and everything that it imports at once, by the names of the manifest. */
export function closure(manifest: Manifest, name: string, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found
  found.add(name)
  for (const other of manifest[name]?.imports ?? []) closure(manifest, other, found)
  return found
}

/** Gzipped script that a first load of a dashboard fetches, bytes. */
export async function firstLoadBytes(dist: string, dashboard: string): Promise<number> {
  const manifest = await readManifest(dist)
  const names = closure(manifest, `dashboards/${dashboard}.tsx`, closure(manifest, 'index.html'))
  let bytes = 0
  for (const name of names) bytes += (await stat(join(dist, `${manifest[name]?.file}.gz`))).size
  return bytes
}

/** The heaviest landing view. */
export async function landingBytes(dist: string): Promise<{ first: string; bytes: number }> {
  const sizes = await Promise.all(landings.map(async (first) => ({ first, bytes: await firstLoadBytes(dist, first) })))
  return sizes.reduce((a, b) => (b.bytes > a.bytes ? b : a))
}
