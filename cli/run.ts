import { type ParseArgsConfig, parseArgs } from 'node:util'
import { z } from 'zod'

/** What the user can put right: shown as one line, without a stack. */
export class UserError extends Error {}

/** Exit code for a command line that cannot be understood; every other failure is 1. */
const USAGE_EXIT_CODE = 2

type Options = NonNullable<ParseArgsConfig['options']>
type Parsed<O extends Options> = ReturnType<
  typeof parseArgs<{ options: O & { help: { type: 'boolean' } }; allowPositionals: true; strict: true }>
>

export interface Command<O extends Options> {
  /** How it is called, what it does, every option. */
  readonly help: string
  readonly options: O
  main(values: Parsed<O>['values'], positionals: string[]): Promise<void>
}

/** Runs one command: `--help`, options checked, one clear line and a non-zero exit code when it fails. */
export async function run<O extends Options>(command: Command<O>): Promise<void> {
  // A reader that stops reading (`| head`) is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
  })
  try {
    const { values, positionals } = parse(command)
    if ((values as { help?: boolean }).help) console.log(command.help.trim())
    else await command.main(values, positionals)
  } catch (error) {
    console.error(`error: ${explain(error)}`)
    process.exitCode = error instanceof UsageError ? USAGE_EXIT_CODE : 1
  }
}

class UsageError extends UserError {}

/** The call is not understood; says how to get help. */
export function usageError(message: string): never {
  throw new UsageError(`${message} (--help shows how it is used)`)
}

function parse<O extends Options>(command: Command<O>): Parsed<O> {
  try {
    const options = { ...command.options, help: { type: 'boolean' } } as const
    return parseArgs({ options, allowPositionals: true, strict: true }) as Parsed<O>
  } catch (error) {
    return usageError(error instanceof Error ? error.message.replace(/\.? To specify .*$/s, '') : String(error))
  }
}

/** Programming errors keep their stack: a user cannot do anything about them but report it. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const isBug = error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError
  return isBug ? (error.stack ?? error.message) : error.message
}

/** The value of an option that must be there. */
export function required(value: string | undefined, option: string): string {
  return value ?? usageError(`--${option} is missing`)
}

/** A whole number from an option, within bounds. */
export function wholeNumber(value: string, option: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const parsed = z.coerce.number().int().min(least).max(most).safeParse(value)
  return parsed.success ? parsed.data : usageError(`--${option} must be a whole number from ${least} to ${most}`)
}
