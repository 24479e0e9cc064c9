import { join } from 'node:path'
import { LocalObjectStore } from '../../objects/local-store.ts'

/** Objects as files in the directory of a test's database, with which they are removed. */
export const testObjects = ({ dataDir }: { readonly dataDir: string }): LocalObjectStore =>
  new LocalObjectStore({
    directory: join(dataDir, 'objects'),
    linkSecret: Buffer.alloc(32, 9),
    origin: 'http://127.0.0.1',
  })
