import { type Listening, listen } from '../api/listen.ts'
import type { Config } from '../config.ts'
import { openApp, openPlatform, openWorkers, type Platform } from './compose.ts'
import type { LogStream } from './logger.ts'

export interface Server extends Listening {
  readonly platform: Platform
}

export interface ServeOptions {
  /** Also run the workers in this process. */
  readonly workers: boolean
  readonly logStream?: LogStream | undefined
}

/** Opens the platform and answers HTTP, until a signal or `stop()` closes everything in order. */
export async function serve(config: Config, { workers, logStream }: ServeOptions): Promise<Server> {
  const platform = await openPlatform(config, logStream)
  try {
    const app = await openApp(platform, logStream)
    if (workers) await openWorkers(platform)
    const listening = await listen(app, { host: config.HOST, port: config.PORT, onClosed: platform.close })
    return { ...listening, platform }
  } catch (error) {
    await platform.close()
    throw error
  }
}
