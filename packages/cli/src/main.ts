import fs from 'node:fs'
import type { KafkaOptions } from '@ottla/client'
import type { Logger } from '@ottla/runtime'
import type { Command } from 'commander'
import { type CommandModule, interruption, UsageError } from './command.ts'
import { explain, isExpected } from './errors.ts'
import { exitCodes } from './exit-codes.ts'
import { addGlobalOptions, resolveGlobals, takesValue } from './globals.ts'
import { Output } from './output/output.ts'
import { leaveTerminalToReader } from './output/terminal.ts'
import { type Entry, nouns, registry } from './registry.ts'
import { StopSignals } from './stop-signals.ts'

const VERSION_WORDS: readonly string[] = ['--version', '-V', '-v', 'version']

/** Runs the command line and sets the exit code. Nothing is loaded that the command does not need. */
export async function main(argv: readonly string[]): Promise<void> {
  watchStandardStreams()
  leaveTerminalToReader()
  if (argv.length === 1 && VERSION_WORDS.includes(argv[0])) {
    process.stdout.write(`ottla ${version()} (node ${process.versions.node})\n`)
    return
  }
  if (argv[0] === '__complete') {
    // Asked by a shell while a line is typed: whatever fails, the answer is only empty.
    const { complete } = await import('./complete.ts')
    const candidates = await complete(argv.slice(1)).catch(() => [])
    process.stdout.write(candidates.map((candidate) => `${candidate}\n`).join(''))
    return
  }
  try {
    process.exitCode = await dispatch(argv)
  } catch (error) {
    const { message, exitCode } = explain(error)
    const text = isExpected(error) && process.env.OTTLA_DEBUG !== '1' ? message : ((error as Error).stack ?? message)
    process.stderr.write(`ottla: ${text}\n`)
    process.exitCode = exitCode
  }
}

/** A reader that has gone is no error; anything else that keeps output from being written ends the command. */
function watchStandardStreams(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return
    const why = error.code === 'ENOSPC' ? 'the disk is full' : error.message
    process.stderr.write(`ottla: standard output cannot be written: ${why}\n`)
    process.exit(exitCodes.failed)
  })
  // There is nowhere left to say that nobody reads what is said here.
  process.stderr.on('error', () => {})
}

export function version(): string {
  return JSON.parse(fs.readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
}

async function dispatch(typed: readonly string[]): Promise<number> {
  const argv = withVerb(typed)
  const { words, consumed } = commandWords(argv)
  if (words[0] === 'help' && findEntry(words.slice(1)) !== null) return dispatch([...words.slice(1), '--help'])
  const entry = findEntry(words)
  if (entry === null) return help(words, argv)
  // The words that name the command go, wherever options stood between them.
  const rest = argv.filter((_, i) => !consumed.slice(0, entry.path.length).includes(i))
  const { command } = await entry.load()
  const { Command } = await import('commander')
  const parser = new Command(`ottla ${entry.path.join(' ')}`)
  parser.description(entry.summary).exitOverride().showHelpAfterError('(--help shows what is possible)')
  parser.configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'ottla: ')) })
  command.configure(parser)
  addGlobalOptions(parser, command.shares)
  try {
    parser.parse([...rest], { from: 'user' })
  } catch (error) {
    const { exitCode } = error as { exitCode?: number }
    if (exitCode === undefined) throw error
    return exitCode === 0 ? exitCodes.ok : exitCodes.usage
  }
  return run(parser, command)
}

async function run(parser: Command, command: CommandModule): Promise<number> {
  const options = parser.opts()
  const globals = resolveGlobals(options, process.env, command.shares)
  const abort = new AbortController()
  const signals = new StopSignals(() => abort.abort(interruption))
  if (command.finishes) signals.listen()
  const onGone = () => abort.abort(new UsageError('the reader has gone'))
  const output = new Output(process.stdout, globals, onGone, abort.signal)
  const clients: { close(): Promise<void> }[] = []
  const kafka = async (overrides: Partial<KafkaOptions> = {}) => {
    const { Kafka, kafkaOptionsFrom } = await import('@ottla/client')
    const { nodeRuntime } = await import('@ottla/runtime/node')
    const options = {
      clientId: 'ottla-cli',
      // A person waits: a broker that is just starting is given a moment, one that is not there is reported.
      bootstrapTimeoutMs: 1500,
      unknownTopicRetries: 2,
      ...kafkaOptionsFrom(globals.properties, (path) => fs.readFileSync(path, 'utf8')),
      bootstrap: globals.bootstrap,
      ...overrides,
    }
    const client = new Kafka(options, nodeRuntime({ logger: await warnings() }))
    clients.push(client)
    return client
  }
  const ended = () => (signals.came ? exitCodes.interrupted : exitCodes.ok)
  let exitCode: number
  try {
    const finishFromHere = () => signals.listen()
    const context = { args: parser.args, options, globals, output, signal: abort.signal, finishFromHere, kafka }
    // A command that says how it ended knows better: a broker that was asked to stop has done its work.
    exitCode = (await command.run(context)) ?? ended()
  } catch (error) {
    if (!abort.signal.aborted) throw error
    exitCode = ended()
  } finally {
    await Promise.all(clients.map((client) => client.close()))
    signals.release()
  }
  // A connection that is still being made would hold the process up.
  if (signals.came) process.exit(exitCode)
  return exitCode
}

/** What the client tries again, perhaps for a minute, is told on standard error; repeats are counted. */
async function warnings(): Promise<Logger> {
  const { nodeLogger } = await import('@ottla/runtime/node')
  // A progress line may stand there.
  const before = process.stderr.isTTY ? '\r\x1b[K' : ''
  return nodeLogger({ level: 'warn', format: 'human', write: (line) => process.stderr.write(before + line) })
}

/** The actions of Apache Kafka's tools, which are options there: `kafka-topics --create`. */
const verbs: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  topic: { '--list': 'list', '--describe': 'describe', '--create': 'create', '--alter': 'alter', '--delete': 'delete' },
  config: { '--describe': 'describe', '--alter': 'set' },
  group: {
    '--list': 'list',
    '--describe': 'describe',
    '--reset-offsets': 'seek',
    '--delete-offsets': 'delete',
    '--delete': 'delete',
  },
}

/** `topic --create …` as `topic create …`; anything else as it is. */
function withVerb(argv: readonly string[]): readonly string[] {
  const { words, consumed } = commandWords(argv)
  const options = words[0] === undefined || findEntry(words) !== null ? undefined : verbs[words[0]]
  const at = argv.findIndex((word) => options !== undefined && Object.hasOwn(options, word))
  if (options === undefined || at < 0) return argv
  const [noun] = consumed
  const rest = argv.filter((_, i) => i !== at && i !== noun)
  return [words[0], options[argv[at]], ...rest]
}

/** The arguments that are no options, up to three, and where they stand. */
function commandWords(argv: readonly string[]): { words: string[]; consumed: number[] } {
  const words: string[] = []
  const consumed: number[] = []
  for (let i = 0; i < argv.length && words.length < 3; i++) {
    if (argv[i] === '--') break
    if (argv[i].startsWith('-')) {
      if (takesValue(argv[i])) i++
      continue
    }
    words.push(argv[i])
    consumed.push(i)
  }
  return { words, consumed }
}

function findEntry(words: readonly string[]): Entry | null {
  return registry.find((entry) => entry.path.every((word, i) => words[i] === word)) ?? null
}

/** The list of commands, or of one noun's verbs. */
function help(words: readonly string[], argv: readonly string[]): number {
  const [first] = words[0] === 'help' ? words.slice(1) : words
  const isNoun = first !== undefined && Object.hasOwn(nouns, first)
  if (first !== undefined && !isNoun) {
    const near = suggestion(first)
    process.stderr.write(`ottla: there is no command ${JSON.stringify(first)}${near}\n`)
    return exitCodes.usage
  }
  if (isNoun && words[0] !== 'help' && words.length > 1) {
    process.stderr.write(`ottla: ${first} has no command ${JSON.stringify(words[1])}; \`ottla ${first}\` lists them\n`)
    return exitCodes.usage
  }
  const unknown = argv.find((word) => word.startsWith('-') && word !== '--help' && word !== '-h' && !takesValue(word))
  if (unknown !== undefined) {
    process.stderr.write(
      `ottla: unknown option ${JSON.stringify(unknown)} where a command is wanted; \`ottla${isNoun ? ` ${first}` : ''}\` lists them\n`,
    )
    return exitCodes.usage
  }
  const shown = registry.filter((entry) => !isNoun || entry.path[0] === first)
  const names = shown.map((entry) => entry.path.join(' '))
  const wide = Math.max(...names.map((name) => name.length))
  const list = shown.map((entry, i) => `  ${names[i].padEnd(wide)}  ${entry.summary}\n`).join('')
  const head = isNoun ? nouns[first] : 'Kafka without a JVM: a broker and its command line'
  process.stdout.write(
    `${head}\n\nUsage: ottla ${isNoun ? `${first} ` : ''}<command> [arguments] [options]\n\n${list}\n` +
      'Every command explains itself with --help.\n' +
      'Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no broker reached,\n' +
      '4 does not exist, 5 partly failed, 130 interrupted.\n',
  )
  const asked = argv.length === 0 || words[0] === 'help' || argv.includes('--help') || argv.includes('-h') || isNoun
  return asked ? exitCodes.ok : exitCodes.usage
}

function suggestion(word: string): string {
  const names = registry.map((entry) => entry.path.join(' '))
  const near = names.filter((name) => name.split(' ').some((part) => part.startsWith(word.slice(0, 3))))
  return near.length === 0 ? '; `ottla` lists them' : `; did you mean ${near.slice(0, 3).join(' or ')}?`
}
