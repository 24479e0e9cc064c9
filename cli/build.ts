import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { run, UserError } from './run.ts'
import { STAMP, WEB_DIST, webSources } from './web.ts'

const brotli = promisify(brotliCompress)
const zip = promisify(gzip)

await run({
  help: `
npm run build

Bundles the dashboards of web/ into web/dist, compressed, as the API serves them. npm start and npm run demo do it by
themselves when web/dist is missing or older than its sources.`,
  options: {},
  async main() {
    // React and Vite read it: whatever the server's own is, the page is built for production.
    process.env.NODE_ENV = 'production'
    const sources = await webSources()
    if (sources === undefined) throw new UserError('the sources of the dashboards are not here')
    // Beside the target, so that it is put in place whole: another process may be serving the old one.
    const draft = `${WEB_DIST}.${process.pid}`
    const { build } = await import('vite')
    try {
      await build({
        configFile: join(WEB_DIST, '..', 'vite.config.ts'),
        build: { outDir: draft, emptyOutDir: true },
        logLevel: 'warn',
      })
      await compress(join(draft, 'assets'))
      await writeFile(join(draft, STAMP), sources)
      await replace(draft)
    } finally {
      await rm(draft, { recursive: true, force: true })
    }
    console.log('The dashboards are in web/dist.')
  },
})

async function compress(directory: string): Promise<void> {
  const names = await readdir(directory)
  await Promise.all(
    names
      .filter((name) => /\.(js|css|svg)$/.test(name))
      .map(async (name) => {
        const file = join(directory, name)
        const bytes = await readFile(file)
        const params = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length }
        await writeFile(`${file}.br`, await brotli(bytes, { params }))
        await writeFile(`${file}.gz`, await zip(bytes, { level: 9 }))
      }),
  )
}

/** Another build may have been first; both were made from the same sources or a later start builds again. */
async function replace(draft: string): Promise<void> {
  const old = `${draft}.old`
  await mkdir(WEB_DIST, { recursive: true })
  await rename(WEB_DIST, old)
  await rename(draft, WEB_DIST).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
  })
  await rm(old, { recursive: true, force: true })
}
