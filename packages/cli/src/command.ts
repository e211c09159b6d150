import type { Kafka, KafkaOptions } from '@ottla/client'
import type { Command } from 'commander'
import type { Globals, SharedOptions } from './globals.ts'
import type { Output } from './output/output.ts'

/** The command line is wrong: one sentence, and exit code `usage`. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}

/** The reason of `CommandContext.signal` when a person or the system wants the command to end. */
export const interruption = new UsageError('interrupted')

/** Ends the command with this sentence and exit code. */
export class CommandError extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number) {
    super(message)
    this.name = 'CommandError'
    this.exitCode = exitCode
  }
}

/** What a command is given to work with. */
export interface CommandContext {
  /** Arguments without options, in order. */
  readonly args: readonly string[]
  /** As `configure` declared them, by commander's camel-case names; global ones are in `globals`. */
  // biome-ignore lint/suspicious/noExplicitAny: commander gives no types; each command knows what it declared
  readonly options: Readonly<Record<string, any>>
  readonly globals: Globals
  readonly output: Output
  /** Aborted by Ctrl-C or SIGTERM (of commands that `finish`), and when the reader of standard output has gone. */
  readonly signal: AbortSignal
  /** For a command that `finishes` only what it does after this call. Until then the first Ctrl-C ends it. */
  finishFromHere(): void
  /** A client for the brokers of the command line; closed for the command when it ends. */
  kafka(overrides?: Partial<KafkaOptions>): Promise<Kafka>
}

/**
 * One command: the file `commands/<noun>/<verb>.ts` exports it as `command`. It is loaded only when it is the one to
 * run, or when help about it is asked for.
 */
export interface CommandModule {
  /**
   * Has something to finish when `signal` is aborted, and ends soon after by itself; a second Ctrl-C ends it at once.
   * Any other command is ended by the first one, as the system does it.
   */
  readonly finishes?: true
  /**
   * Which of the options that every command has make sense here: those of the output, its format alone, or none. Such a command
   * reaches no broker by itself, and reads no profile. Default: all.
   */
  readonly shares?: SharedOptions
  /** What completion offers as its arguments. Default: nothing, so that the shell offers files. */
  readonly completes?: 'topics' | 'groups' | 'transactions' | readonly string[]
  /** Declares arguments, options and help; the global options are there already. */
  configure(command: Command): void
  /** Ends normally, or with the exit code it returns. Throws `UsageError`, `CommandError` or the client's errors. */
  run(context: CommandContext): Promise<number | undefined>
}

/** What a command waits for before there is anything to finish: Ctrl-C ends the waiting. */
export function orAborted<T>(signal: AbortSignal, waitedFor: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    waitedFor.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
