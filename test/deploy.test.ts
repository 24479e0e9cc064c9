import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { environment, loadConfig } from '../config.ts'
import { heartbeatFile } from '../workers/heartbeat.ts'

/** What only breaks on somebody else's machine: compose file, Dockerfile, documented commands, settings, dependencies. */

const root = fileURLToPath(new URL('..', import.meta.url))
const at = (...parts: string[]) => join(root, ...parts)
const read = (...parts: string[]) => readFileSync(at(...parts), 'utf8')

const names = z.record(z.string(), z.unknown())
const service = z.object({
  image: z.string().optional(),
  build: z.string().optional(),
  user: z.string().optional(),
  read_only: z.boolean().optional(),
  tmpfs: z.array(z.string()).default([]),
  cap_drop: z.array(z.string()).default([]),
  cap_add: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  privileged: z.boolean().default(false),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  volumes: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: z.array(z.string()).optional(), disable: z.boolean().optional() }).optional(),
  restart: z.string().optional(),
  profiles: z.array(z.string()).default([]),
})
const composeSchema = z.object({ services: z.record(z.string(), service), volumes: names })
const composeText = read('docker-compose.yml')
const compose = composeSchema.parse(parse(composeText, { merge: true }))
const services = Object.entries(compose.services)
const ours = services.filter(([, { build }]) => build !== undefined)
const packageJson = z
  .object({ scripts: z.record(z.string(), z.string()), dependencies: names, devDependencies: names })
  .parse(JSON.parse(read('package.json')))

/** `${NAME}`, `${NAME:?message}` and `${NAME:-default}` of a text; `$${NAME}` is the shell's. */
const interpolations = (text: string) =>
  [...text.matchAll(/(?<!\$)\$\{(\w+)(?:(:[?-])([^}]*))?\}/g)].map(([, name = '', kind, rest = '']) => ({
    name,
    kind,
    rest,
  }))
const isSecret = (name: string) => /PASSWORD|SECRET|(?<!REDIS_)KEY(?!_SERIALIZER)|TOKEN|AUTH/.test(name)

describe('docker-compose.yml', () => {
  test('has every part of production', () => {
    expect(compose.services).toMatchObject({
      database: { image: 'timescale/timescaledb-ha:pg17' },
      redis: {},
      objects: {},
      migrate: { restart: 'no' },
      api: {},
      worker: {},
      grafana: {},
    })
    expect(compose.services.redis?.command.join(' ')).toMatch(/--appendonly yes.*--maxmemory-policy noeviction/)
  })

  test.each(services)('%s refers only to what is there', (_name, { image, build, command, volumes, depends_on }) => {
    expect(image).toMatch(/^[\w./-]+:(?!latest)[\w.-]+$/)
    if (build !== undefined) expect(existsSync(at(build, 'Dockerfile'))).toBe(true)
    for (const file of command.filter((word) => /\.(ts|js|sh)$/.test(word)))
      expect(existsSync(at(file)), file).toBe(true)
    for (const [source = ''] of volumes.map((volume) => volume.split(':')))
      expect(source.startsWith('.') ? existsSync(at(source)) : source in compose.volumes, source).toBe(true)
    for (const [other, { condition }] of Object.entries(depends_on)) {
      const target = compose.services[other]
      expect(target, other).toBeDefined()
      if (condition === 'service_healthy') expect(target?.healthcheck?.test, other).toBeDefined()
      if (condition === 'service_completed_successfully') expect(target?.restart, other).toBe('no')
    }
  })

  test.each(services.filter(([, { restart }]) => restart !== 'no'))(
    '%s has a health check or says that it has none',
    (_name, { healthcheck }) => {
      expect(healthcheck?.disable === true || (healthcheck?.test ?? []).length > 1).toBe(true)
    },
  )

  test('starts change data capture by profile, with what the mapping needs, and only then', () => {
    const { debezium, 'debezium-kafka': overKafka, kafka } = compose.services
    expect([debezium, overKafka, kafka].map((one) => one?.profiles)).toEqual([['cdc'], ['kafka'], ['kafka']])
    for (const one of [debezium, overKafka]) {
      expect(one?.environment).toMatchObject({
        DEBEZIUM_SOURCE_PUBLICATION_NAME: 'upcoach_analytics',
        DEBEZIUM_SOURCE_DECIMAL_HANDLING_MODE: 'string',
        DEBEZIUM_FORMAT_VALUE: 'json',
      })
      // What is left to debezium.env is nothing that is set here: compose's own values would win.
      const asked = [...read('debezium.env.example').matchAll(/^(\w+)=/gm)].map(([, name]) => name)
      expect(asked.length).toBeGreaterThan(3)
      for (const name of asked) expect(one?.environment).not.toHaveProperty(name ?? '')
    }
    expect(debezium?.environment.DEBEZIUM_SINK_REDIS_ADDRESS).toBe('redis:6379')
    expect(overKafka?.environment.DEBEZIUM_SINK_KAFKA_PRODUCER_BOOTSTRAP_SERVERS).toBe('kafka:9092')
    expect(kafka?.environment.KAFKA_ADVERTISED_LISTENERS).toBe('PLAINTEXT://kafka:9092')
    // Two readers of one log need a slot each, and remember where they are apart from each other.
    for (const name of ['DEBEZIUM_SOURCE_SLOT_NAME', 'DEBEZIUM_SOURCE_OFFSET_STORAGE_REDIS_KEY'])
      expect(overKafka?.environment[name]).not.toBe(debezium?.environment[name])
    expect(Object.values(compose.services).flatMap(({ profiles }) => profiles).length).toBe(3)
  })

  test('asks of a worker what it writes', () => {
    expect(compose.services.worker?.healthcheck?.test?.join(' ')).toContain(`/tmp/${basename(heartbeatFile)}`)
  })

  test('gives Grafana every variable that its provisioned files ask for, its login’s password from one place', () => {
    const { environment: env = {}, volumes = [] } = compose.services.grafana ?? {}
    expect(volumes).toContain('./grafana/provisioning:/etc/grafana/provisioning:ro')
    const files = readdirSync(at('grafana', 'provisioning'), { recursive: true, encoding: 'utf8' })
    const asked = files
      .filter((file) => file.endsWith('.yaml'))
      .flatMap((file) =>
        [...read('grafana', 'provisioning', file).matchAll(/(?<!\$)\$\{?([A-Z_]+)/g)].map(([, name]) => name),
      )
    expect(asked.length).toBeGreaterThan(4)
    for (const name of asked) expect(env, name).toHaveProperty(name as string)
    expect(env.UPCOACH_DATABASE_PASSWORD).toBe(compose.services.migrate?.environment.GRAFANA_DATABASE_PASSWORD)
    expect(read('cli', 'migrate.ts')).toContain(`'${env.UPCOACH_DATABASE_USER}'`)
    const home = String(env.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH).replace('/etc/grafana/', 'grafana/')
    expect(existsSync(at(home)), home).toBe(true)
  })

  test('asks the API for a route that it has, on its own port', () => {
    const { healthcheck, environment: env = {} } = compose.services.api ?? {}
    const [, port, path] = /http:\/\/127\.0\.0\.1:(\d+)(\/[\w/]+)/.exec(healthcheck?.test?.join(' ') ?? '') ?? []
    expect(Number(port)).toBe(env.PORT)
    expect(read('api', 'routes', 'health.ts')).toContain(`'${path}'`)
    expect(compose.services.api?.ports.map((published) => published.split(':').at(-1))).toEqual([String(env.PORT)])
  })

  test.each(ours)('%s gets an environment that config.ts knows and accepts', (_name, { environment: env }) => {
    for (const name of Object.keys(env)) expect(environment.shape, name).toHaveProperty(name)
    const sample: Record<string, string> = { MASTER_KEY: Buffer.alloc(32, 1).toString('base64') }
    const filled = Object.fromEntries(
      Object.entries(env).map(([name, value]) => [
        name,
        String(value).replace(/\$\{(\w+)[^}]*\}/g, (_, asked: string) =>
          ['PUBLIC_URL', 'TRUST_PROXY', 'S3_PUBLIC_ENDPOINT'].includes(asked) ? '' : (sample[asked] ?? 'x'.repeat(40)),
        ),
      ]),
    )
    expect(loadConfig(filled)).toMatchObject({ NODE_ENV: 'production' })
    expect(new URL(filled.DATABASE_URL ?? '').hostname in compose.services).toBe(true)
    expect(new URL(filled.REDIS_URL ?? '').hostname in compose.services).toBe(true)
    expect(new URL(filled.S3_ENDPOINT ?? '').hostname in compose.services).toBe(true)
  })

  test.each(ours)('%s runs without root or any capability, on a read-only file system', (_name, given) => {
    expect(given).toMatchObject({ user: 'node', read_only: true, tmpfs: ['/tmp'], cap_drop: ['ALL'], cap_add: [] })
  })

  test.each(services)(
    '%s can gain no privileges, and is published on loopback only unless told otherwise',
    (_name, given) => {
      expect(given.security_opt).toContain('no-new-privileges:true')
      expect(given.privileged).toBe(false)
      for (const port of given.ports) expect(port).toMatch(/^\$\{\w+:-127\.0\.0\.1:\d+\}:\d+$/)
    },
  )

  test('has no default for a secret, and no secret in clear', () => {
    for (const { name, kind } of interpolations(composeText)) if (isSecret(name)) expect(kind, name).toBe(':?')
    for (const [, { environment: env }] of services)
      for (const [name, value] of Object.entries(env))
        if (isSecret(name)) expect(value, name).toMatch(/^\$\{\w+:\?[^}]*\}$/)
    expect(composeText).not.toMatch(/:\/\/[^\s:@]+:(?!\$\{)[^\s@]+@/)
  })

  test('.env.example names exactly what is asked for, and gives no secret', () => {
    const given = [...read('.env.example').matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => ({
      name,
      value,
    }))
    expect(given.map(({ name }) => name).sort()).toEqual(
      [...new Set(interpolations(composeText).map(({ name }) => name))].sort(),
    )
    for (const { name, value } of given) if (isSecret(name)) expect(value, name).toBe('')
    expect(read('.gitignore').split('\n')).toContain('.env')
  })
})

describe('Dockerfile', () => {
  const lines = read('Dockerfile').split('\n')
  const copied = lines
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from'))
    .flatMap((line) => line.split(/\s+/).slice(1, -1))

  test('copies what exists, and .dockerignore lets exactly that through', () => {
    for (const path of copied) expect(existsSync(at(path)), path).toBe(true)
    const allowed = [...read('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, path]) => path)
    expect(allowed.sort()).toEqual([...new Set(copied)].sort())
  })

  test('copies every room that the commands import', () => {
    const rooms = new Set(['cli'])
    for (const room of rooms)
      for (const file of readdirSync(at(room), { recursive: true, encoding: 'utf8' }))
        if (file.endsWith('.ts'))
          for (const [, other = ''] of read(room, file).matchAll(/from '(?:\.\.\/)+([a-z-]+)\/[^']+'/g))
            if (existsSync(at(other))) rooms.add(other)
    for (const room of [...rooms, 'hypertables', 'continuous-aggregates']) expect(copied).toContain(room)
  })

  test('installs production packages only and does not run as root', () => {
    const shipped = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')))
    expect(shipped.filter((line) => line.startsWith('COPY --from=')).join()).toContain('--from=dependencies')
    // The stage that bundles the dashboards has development packages; of it, only web/dist is shipped.
    expect(shipped.filter((line) => line.includes('--from=web'))).toEqual(['COPY --from=web /app/web/dist ./web/dist'])
    expect(lines.filter((line) => line.startsWith('RUN npm ci --omit'))).toEqual([
      expect.stringContaining('--omit=dev'),
    ])
    for (const line of lines.filter((line) => line.includes('npm ci'))) expect(line).toContain('--ignore-scripts')
    expect(lines.filter((line) => line.startsWith('USER ')).at(-1)).toBe('USER node')
    for (const image of lines.filter((line) => line.startsWith('FROM ')))
      expect(image).toMatch(/^FROM node:(20|22)-slim/)
  })
})

const pages = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'],
  ...readdirSync(at('docs'), { recursive: true, encoding: 'utf8' })
    .filter((page) => page.endsWith('.md'))
    .map((page) => join('docs', page)),
]

describe('documentation', () => {
  test('README begins with the two commands', () => {
    expect(read('README.md')).toMatch(/^# .+\n\n```sh\nnpm ci && npm run demo .*\nnpm ci && npm test .*\n```\n/)
  })

  test.each(pages)('commands in %s exist', (page) => {
    const text = read(page)
    const scripts = [
      ...[...text.matchAll(/npm run (?:--[\w-]+ )*([\w:-]+)/g)].map(([, name = '']) => name),
      ...[...text.matchAll(/npm (start|test)\b/g)].map(([, name = '']) => name),
    ]
    for (const script of scripts) {
      expect(packageJson.scripts, script).toHaveProperty(script)
      const [, file] = /^tsx (\S+)/.exec(packageJson.scripts[script] ?? '') ?? []
      if (file) expect(existsSync(at(file)), file).toBe(true)
    }
    for (const [, file = ''] of text.matchAll(/(?:--import tsx|vitest run) ((?:cli|test)\/\S+?\.ts)/g))
      expect(existsSync(at(file)), file).toBe(true)
  })

  test.each(pages)('links in %s lead somewhere', (page) => {
    for (const [, target = ''] of read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g))
      expect(existsSync(at(page, '..', target)), target).toBe(true)
  })

  const rooms = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .filter((name) => !['node_modules', 'docs', 'dist', 'coverage'].includes(name) && readdirSync(at(name)).length > 0)

  test.each(rooms)('the room %s says in at most 25 lines what belongs there', (room) => {
    expect(existsSync(at(room, 'README.md')), 'README.md').toBe(true)
    expect(read(room, 'README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(25)
  })

  test('SECURITY.md points to tests that are there', () => {
    const named = [...read('SECURITY.md').matchAll(/`([\w./-]+\.test\.ts|test\/[\w./-]+)`/g)].map(
      ([, path = '']) => path,
    )
    expect(named.length).toBeGreaterThan(15)
    for (const path of named) expect(existsSync(at(path)), path).toBe(true)
  })

  test('every package is pinned by the hash of its content, but for binaries of other platforms', () => {
    const locked = z.object({
      integrity: z.string().startsWith('sha512-').optional(),
      optional: z.boolean().default(false),
      os: z.array(z.string()).default(['linux']),
      cpu: z.array(z.string()).default(['x64']),
      libc: z.array(z.string()).default(['glibc']),
    })
    const lock = z.object({ packages: z.record(z.string(), locked) }).parse(JSON.parse(read('package-lock.json')))
    const isOurs = ({ os, cpu, libc }: z.infer<typeof locked>) =>
      os.includes('linux') && cpu.includes('x64') && libc.includes('glibc')
    const loose = Object.entries(lock.packages).filter(
      ([path, one]) => path !== '' && one.integrity === undefined && !(one.optional && !isOurs(one)),
    )
    expect(loose.map(([path]) => path)).toEqual([])
  })

  test('docs/dependencies.md lists exactly the dependencies', () => {
    const [run = '', develop = ''] = read('docs', 'dependencies.md').split(/^## /m).slice(1)
    const listed = (section: string) =>
      section
        .split('\n')
        .filter((line) => line.startsWith('| `'))
        .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name))
        .sort()
    expect(listed(run)).toEqual(Object.keys(packageJson.dependencies).sort())
    expect(listed(develop)).toEqual(Object.keys(packageJson.devDependencies).sort())
  })

  test('the table of environment variables is config.ts, defaults included', () => {
    const [, section = ''] = read('docs', 'operations.md').split(/^## Environment$/m)
    const [table = ''] = section.split(/^## /m)
    const documented = [...table.matchAll(/^\| `(\w+)` *\| (.+?) *\|/gm)].map(([, name, value]) => [name, value])
    const defaults: Record<string, unknown> = environment.parse({})
    const shown = (value: unknown) =>
      value === undefined || (Array.isArray(value) && value.length === 0) ? '–' : `\`${value}\``
    expect(Object.fromEntries(documented)).toEqual(
      Object.fromEntries(Object.keys(environment.shape).map((name) => [name, shown(defaults[name])])),
    )
  })
})

test('.ci/run can be executed', () => {
  expect(() => accessSync(at('.ci', 'run'), constants.X_OK)).not.toThrow()
})
