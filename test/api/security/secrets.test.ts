import { spawn } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { loadSecrets } from '../../../api/security/secrets.ts'

async function emptyDir() {
  const dir = await mkdtemp(join(tmpdir(), 'upcoach-secrets-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  return join(dir, 'data')
}
type SecretsConfig = Parameters<typeof loadSecrets>[0]
const config = (dataDir: string, more: Partial<SecretsConfig> = {}): SecretsConfig => ({
  NODE_ENV: 'development',
  JWT_SECRET: undefined,
  JWKS_URL: undefined,
  MASTER_KEY: undefined,
  dataDir,
  ...more,
})
const masterKey = Buffer.alloc(32, 7).toString('base64')

describe('the first local start', () => {
  test('generates both secrets, for the owner only, and every later start reads the same', async () => {
    const dir = await emptyDir()
    const first = await loadSecrets(config(dir))
    expect(first.jwtSecret?.length).toBeGreaterThanOrEqual(32)
    expect(first.masterKey).toHaveLength(32)
    expect((await stat(join(dir, 'secrets.json'))).mode & 0o777).toBe(0o600)
    expect((await stat(dir)).mode & 0o777).toBe(0o700)
    expect(await loadSecrets(config(dir))).toEqual(first)
    expect(await readdir(dir)).toEqual(['secrets.json'])
  })

  test('makes other secrets on another machine', async () => {
    const [one, two] = [await loadSecrets(config(await emptyDir())), await loadSecrets(config(await emptyDir()))]
    expect(one.jwtSecret).not.toEqual(two.jwtSecret)
    expect(one.masterKey).not.toEqual(two.masterKey)
  })

  test('of many callers at once ends with one pair for all', async () => {
    const dir = await emptyDir()
    const all = await Promise.all(Array.from({ length: 20 }, () => loadSecrets(config(dir))))
    expect(new Set(all.map((s) => s.masterKey.toString('hex'))).size).toBe(1)
    expect(await readdir(dir)).toEqual(['secrets.json'])
  })

  test('of several processes at once ends with one pair for all', async () => {
    const dir = await emptyDir()
    const script = `
      const { loadSecrets } = await import(${JSON.stringify(new URL('../../../api/security/secrets.ts', import.meta.url).href)})
      const { masterKey } = await loadSecrets({ NODE_ENV: 'development', dataDir: ${JSON.stringify(dir)} })
      process.stdout.write(masterKey.toString('hex'))`
    const run = () =>
      new Promise<string>((resolve, reject) => {
        let out = ''
        const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script])
        child.stdout.on('data', (d) => {
          out += d
        })
        child.on('error', reject)
        child.on('exit', (code) => (code === 0 ? resolve(out) : reject(new Error(`exit ${code}`))))
      })
    const keys = await Promise.all([run(), run(), run(), run()])
    expect(keys[0]).toMatch(/^[0-9a-f]{64}$/)
    expect(new Set(keys).size).toBe(1)
  })
})

describe('secrets of the environment', () => {
  test('are used as they are, and nothing is written', async () => {
    const dir = await emptyDir()
    const JWT_SECRET = 'x'.repeat(40)
    const secrets = await loadSecrets(config(dir, { JWT_SECRET, MASTER_KEY: masterKey }))
    expect(Buffer.from(secrets.jwtSecret ?? []).toString()).toBe(JWT_SECRET)
    expect(secrets.masterKey).toEqual(Buffer.alloc(32, 7))
    await expect(stat(dir)).rejects.toThrow('ENOENT')
  })

  test('win over generated ones, one by one', async () => {
    const dir = await emptyDir()
    const generated = await loadSecrets(config(dir))
    const mixed = await loadSecrets(config(dir, { MASTER_KEY: masterKey }))
    expect(mixed.jwtSecret).toEqual(generated.jwtSecret)
    expect(mixed.masterKey).toEqual(Buffer.alloc(32, 7))
  })

  test('with an identity provider leave no key of ours to sign with', async () => {
    const secrets = await loadSecrets(config(await emptyDir(), { JWKS_URL: 'https://id/jwks', MASTER_KEY: masterKey }))
    expect(secrets.jwtSecret).toBeNull()
  })

  test.each(['short', Buffer.alloc(31).toString('base64'), Buffer.alloc(33).toString('base64'), `${'!'.repeat(43)}=`])(
    'a master key that is not 32 bytes is refused without being shown: %s',
    async (MASTER_KEY) => {
      const attempt = loadSecrets(config(await emptyDir(), { JWT_SECRET: 'x'.repeat(40), MASTER_KEY }))
      await expect(attempt).rejects.toThrow('MASTER_KEY must be 32 bytes in base64')
      await expect(attempt).rejects.not.toThrow(MASTER_KEY)
    },
  )
})

describe('in production', () => {
  test('missing secrets are an error that says what to set, and nothing is generated', async () => {
    const dir = await emptyDir()
    await expect(loadSecrets(config(dir, { NODE_ENV: 'production' }))).rejects.toThrow(
      /JWT_SECRET.*JWKS_URL.*MASTER_KEY/,
    )
    await expect(loadSecrets(config(dir, { NODE_ENV: 'production', MASTER_KEY: masterKey }))).rejects.toThrow(
      'JWT_SECRET',
    )
    await expect(loadSecrets(config(dir, { NODE_ENV: 'production', JWT_SECRET: 'x'.repeat(40) }))).rejects.toThrow(
      'MASTER_KEY',
    )
    await expect(stat(dir)).rejects.toThrow('ENOENT')
  })

  test('secrets that an earlier local start left behind are not used', async () => {
    const dir = await emptyDir()
    await loadSecrets(config(dir))
    await expect(loadSecrets(config(dir, { NODE_ENV: 'production' }))).rejects.toThrow('in production')
  })
})

describe('a secrets file', () => {
  test('that others may read is refused with the command that repairs it', async () => {
    const dir = await emptyDir()
    await loadSecrets(config(dir))
    await chmod(join(dir, 'secrets.json'), 0o644)
    await expect(loadSecrets(config(dir))).rejects.toThrow('chmod 600')
  })

  test.each(['', '{"jwt_secret":"tooshort"}', '{{{'])('that is damaged is never replaced: %s', async (content) => {
    const dir = await emptyDir()
    await loadSecrets(config(dir))
    const path = join(dir, 'secrets.json')
    await writeFile(path, content)
    await expect(loadSecrets(config(dir))).rejects.toThrow('is damaged')
    expect(await readFile(path, 'utf8')).toBe(content)
  })
})
