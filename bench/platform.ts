import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { fileURLToPath, pathToFileURL } from 'node:url'
import pg from 'pg'
import { signToken } from '../api/security/tokens.ts'
import { SOCKET_PORT, socketDirectory } from '../db/embedded/socket-directory.ts'
import { migrate } from '../db/migrate.ts'
import { createTenant, type Tenant } from '../db/tenant.ts'
import { types } from '../db/types.ts'
import { ManagedProcess } from './chaos/process.ts'
import { type Memory, memoryOf } from './memory.ts'
import { withScratch } from './rounds.ts'

/** The platform as in production: processes of its own, measured from outside. */
export interface Platform {
  readonly kind: 'embedded' | 'server'
  readonly url: string
  /** The bench's own way into the database. */
  readonly pool: pg.Pool
  /** For psql and pgbench; only a server has one. */
  readonly databaseUrl: string | undefined
  readonly tenant: Tenant
  /** Value of the Authorization header. */
  readonly sender: string
  readonly reader: string
  /** Runs the workers, or not: a process of their own on a server, else part of the API's, which is restarted for it. */
  setWorkers(wanted: boolean): Promise<void>
  memory(): Promise<Memory>
}

export interface PlatformOptions {
  /** Workers from the beginning; on the embedded engine they then share the API's process, as with `npm start`. */
  readonly workers?: boolean
  readonly env?: Readonly<Record<string, string>>
}

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const timezone = 'Europe/Berlin'

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

/** Starts API and, if wanted, workers on a scratch database of the engine that the environment names. */
export async function withPlatform<T>(options: PlatformOptions, work: (platform: Platform) => Promise<T>): Promise<T> {
  return withScratch(async ({ dataDir, url: databaseUrl }) => {
    if (databaseUrl) await migrate({ connectionString: databaseUrl })
    const secret = randomBytes(32).toString('hex')
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    // BENCH_NODE_ARGS='--cpu-prof --cpu-prof-dir=/tmp' gives a profile of the processes that are measured
    const { PATH = '', HOME = '', BENCH_NODE_ARGS = '' } = process.env
    const env = {
      PATH,
      HOME,
      NODE_ENV: 'production',
      PORT: String(port),
      DATA_DIR: dataDir,
      JWT_SECRET: secret,
      MASTER_KEY: randomBytes(32).toString('base64'),
      RATE_LIMIT_PER_MINUTE: '1000000',
      // what is measured is how fast it is, not when it refuses
      INGEST_MAX_WAIT_SECONDS: '60',
      ...(databaseUrl ? { DATABASE_URL: databaseUrl } : {}),
      ...options.env,
    }
    const start = (name: string, command: string, ready: () => Promise<boolean>) =>
      new ManagedProcess({
        name,
        command: process.execPath,
        args: [
          ...BENCH_NODE_ARGS.split(' ').filter(Boolean),
          '--import',
          tsx,
          fileURLToPath(new URL(`../cli/${command}.ts`, import.meta.url)),
        ],
        env,
        ready,
      })
    const live = async () => (await fetch(`${url}/health/live`, { signal: AbortSignal.timeout(2_000) })).ok
    const api = start('api', 'api', live)
    const both = start('api and workers', 'start', live)
    const worker = start('worker', 'worker', async () => true)
    const setWorkers = async (wanted: boolean): Promise<void> => {
      const running = databaseUrl ? [api, ...(wanted ? [worker] : [])] : [wanted ? both : api]
      for (const process of [api, both, worker]) if (!running.includes(process)) await process.stop()
      for (const process of running) await process.ensureReady()
    }
    const pool = new pg.Pool({
      ...(databaseUrl
        ? { connectionString: databaseUrl }
        : { host: socketDirectory(dataDir), port: SOCKET_PORT, user: 'postgres', database: 'postgres' }),
      types,
      max: 4,
    })
    pool.on('error', () => undefined)
    try {
      await setWorkers(options.workers ?? false)
      const tenant = await createTenant(pool, { slug: 'bench', timezone, currency: 'EUR' })
      const token = async (role: 'service' | 'admin') =>
        `Bearer ${await signToken({ sub: 'bench', tenantId: tenant.id, role, ttl: '24h' }, { secret: Buffer.from(secret) })}`
      return await work({
        kind: databaseUrl ? 'server' : 'embedded',
        url,
        pool,
        databaseUrl,
        tenant,
        sender: await token('service'),
        reader: await token('admin'),
        setWorkers,
        memory: () => memoryOf([api, both, worker]),
      })
    } catch (error) {
      process.stderr.write(`${api.output.slice(-2_000)}\n${both.output.slice(-2_000)}\n`)
      throw error
    } finally {
      await pool.end()
      for (const process of [worker, both, api]) await process.stop()
    }
  })
}
