import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { eventually } from '../../support/eventually.ts'

const home = process.env.KAFKA_HOME ?? ''
const libraries = ['libs', 'lib'].map((name) => join(home, name)).find((path) => home !== '' && existsSync(path))
/** There is no Kafka broker on npm: the test takes an unpacked distribution (or its jars) and java. */
export const hasKafka = libraries !== undefined && spawnSync('java', ['-version']).status === 0

export interface KafkaServer {
  readonly broker: string
  /** SIGKILL, then the same data again. */
  crash(): Promise<void>
  stop(): Promise<void>
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

/** A broker of the test's own: one node, its own controller (KRaft). */
export async function startKafka(): Promise<KafkaServer> {
  const directory = await mkdtemp(join(tmpdir(), 'upcoach-kafka-'))
  const [port, controller] = [await freePort(), await freePort()]
  const broker = `127.0.0.1:${port}`
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://${broker},CONTROLLER://127.0.0.1:${controller}`,
    'log.dirs': join(directory, 'data'),
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'group.initial.rebalance.delay.ms': 0,
    // The consumer that was killed is missed no longer than this.
    'group.min.session.timeout.ms': 1000,
  }
  const config = join(directory, 'server.properties')
  await writeFile(
    config,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
  const java = (...args: string[]) => ['-Xmx384m', '-cp', join(libraries ?? '', '*'), ...args]
  const id = Buffer.alloc(16, 7).toString('base64url')
  spawnSync('java', java('kafka.tools.StorageTool', 'format', '-t', id, '-c', config), { stdio: 'ignore' })
  const start = (): ChildProcess => spawn('java', java('kafka.Kafka', config), { cwd: directory, stdio: 'ignore' })
  const admin = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin()
  const answers = () =>
    eventually(async () => {
      await admin.connect()
      await admin.listTopics()
    }, 90_000)
  let server = start()
  await answers()
  return {
    broker,
    async crash() {
      server.kill('SIGKILL')
      await once(server, 'exit')
      server = start()
      await answers()
    },
    async stop() {
      await admin.disconnect()
      server.kill('SIGKILL')
      await once(server, 'exit')
      await rm(directory, { recursive: true, force: true })
    },
  }
}
