import { setTimeout as wait } from 'node:timers/promises'
import type { Config } from '../../config.ts'
import { readBacklog } from '../../db/jobs.ts'
import { localUrl } from '../compose.ts'
import { tenantBySlug, withDatabase } from '../database.ts'
import { mintToken } from '../mint-token.ts'
import { UserError } from '../run.ts'
import { isServing } from '../send-events.ts'
import { serve } from '../serve.ts'

const TOKEN_SECONDS = 24 * 3600

/** A token of role service, made with this installation's key. */
export async function tokenFor(config: Config, slug: string, subject: string): Promise<string> {
  const { id } = await withDatabase(config, (database) => tenantBySlug(database, slug))
  return mintToken(config, { tenantId: id, role: 'service', subject, ttlSeconds: TOKEN_SECONDS })
}

export interface Api {
  readonly url: string
  /** Waits until what was sent is counted, where nobody else would go on with it. */
  finish(): Promise<void>
  close(): Promise<void>
}

/** The API that was asked for, the one that runs here, or one of our own for as long as this command lasts. */
export async function findApi(config: Config, asked: string | undefined): Promise<Api> {
  const nothing = async () => undefined
  const url = (asked ?? config.PUBLIC_URL ?? localUrl(config)).replace(/\/$/, '')
  if (await isServing(url)) return { url, finish: nothing, close: nothing }
  if (asked !== undefined) throw new UserError(`no API answers at ${url}`)
  const own = { ...config, HOST: '127.0.0.1', PORT: 0, LOG_LEVEL: 'error' as const }
  const server = await serve(own, { workers: true })
  const { pool } = server.platform.database
  return {
    url: server.url,
    async finish() {
      while ((await readBacklog(pool)).dirty_marks > 0) await wait(250)
    },
    close: server.stop,
  }
}
