/** A process that runs an engine and can be killed; tells the engine's process id. */
import { startEngine } from '../../../db/embedded/engine.ts'

const engine = await startEngine({ dataDir: process.argv[2] ?? '', durable: false })
process.send?.(engine.pid)
