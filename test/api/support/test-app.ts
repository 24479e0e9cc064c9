import { onTestFinished } from 'vitest'
import { bootApp, type TestApp } from './harness.ts'

/** bootApp for one test: closed when the test ends, however it ends. */
export async function testApp(...options: Parameters<typeof bootApp>): Promise<TestApp> {
  const booted = await bootApp(...options)
  onTestFinished(() => booted.app.close())
  return booted
}
