import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { provisioningFiles } from './index.ts'

// Writes provisioning/ anew; the test `test/grafana/provisioning.test.ts` compares it with what is committed.
const root = new URL('./provisioning/', import.meta.url)
await rm(root, { recursive: true, force: true })
for (const [path, content] of provisioningFiles()) {
  const file = fileURLToPath(new URL(path, root))
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, content)
}
