import type { WorkerContext } from '../../workers/context.ts'
import type { Platform } from './platform.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** What a processor needs, on a test platform: the test runs the jobs itself, so there are no queues. */
export function workerContext(platform: Platform): WorkerContext {
  const queues: WorkerContext['queues'] = {
    add: async () => undefined,
    requestFold: () => undefined,
    requestExports: () => undefined,
    get: () => {
      throw new Error('this test has no queues')
    },
    close: async () => undefined,
  }
  const { db, objects, masterKey } = platform
  const webhooks = { allowedHosts: [], timeoutMs: 1000 }
  return { database: db, queues, objects, webhooks, logger: silent, masterKey, isClosing: () => false }
}
