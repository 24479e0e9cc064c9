import { readdir, readFile } from 'node:fs/promises'

/** Resident memory by process: now and at its highest, MB. Empty where there is no /proc. */
export type Memory = Readonly<Record<string, { readonly now: number; readonly peak: number }>>

interface Named {
  readonly name: string
  readonly pid: number | undefined
}

const kilobytes = (status: string, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN)

/** Of these processes and of their children (the embedded engine is one). The peak is the kernel's own high-water mark. */
export async function memoryOf(processes: readonly Named[]): Promise<Memory> {
  const found: Record<string, { now: number; peak: number }> = {}
  const parents = await childrenByParent()
  const note = async (name: string, pid: number): Promise<void> => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined)
    if (status === undefined) return
    found[name] = { now: kilobytes(status, 'VmRSS') / 1024, peak: kilobytes(status, 'VmHWM') / 1024 }
  }
  for (const { name, pid } of processes) {
    if (pid === undefined) continue
    await note(name, pid)
    // the other child, if any, is tsx's compiler
    for (const child of parents.get(pid) ?? [])
      if (!(await readFile(`/proc/${child}/comm`, 'utf8').catch(() => '')).startsWith('esbuild'))
        await note(`${name}: engine`, child)
  }
  return found
}

/** Peaks alone, as a bench reports them. */
export const peaks = (memory: Memory): Record<string, number> =>
  Object.fromEntries(Object.entries(memory).map(([name, { peak }]) => [name, Math.round(peak)]))

async function childrenByParent(): Promise<Map<number, number[]>> {
  const found = new Map<number, number[]>()
  for (const entry of await readdir('/proc').catch(() => [])) {
    const stat = /^\d+$/.test(entry) ? await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '') : ''
    const parent = Number(/\) \S (\d+)/.exec(stat)?.[1])
    if (parent > 0) found.set(parent, [...(found.get(parent) ?? []), Number(entry)])
  }
  return found
}
