import module from 'node:module'
import { ConfigError } from '@ottla/broker'
import { addChoice } from '../choices.ts'
import { type CommandContext, CommandError, type CommandModule, UsageError } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { addRefused, append } from '../globals.ts'
import { DataFolderError } from '../start/data-folder.ts'
import { explainStart } from '../start/explain-start.ts'
import { isHangupAStop, outliveHangup, terminalClosed } from '../start/hangup.ts'
import {
  configOf,
  DIR_DEFAULT,
  type RunningBroker,
  type StartSettings,
  startBrokerProcess,
} from '../start/start-broker-process.ts'

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const

/** How long a clean stop may take before the process ends anyway; a second Ctrl-C ends it at once. */
const STOP_TIMEOUT_MS = 30_000

/** When what a start needs has surely been compiled. */
const COMPILED_AFTER_MS = 1000

export const command: CommandModule = {
  shares: 'format',

  configure(parser) {
    parser
      .option('--dir <folders>', `where the data lies (default ${DIR_DEFAULT}); several parted by commas, as log.dirs`)
      .option('--port <number>', 'port of localhost to listen on, 0 for any free one (default 9092)')
      .option('--config <file>', "a properties file in Apache Kafka's format and names")
      .option('--set <name=value>', 'one property, over the file; may be repeated', append)
      .option('--max-disk <size>', 'most bytes all logs may take, e.g. 500M or 20G; then producers are refused')
    addRefused(parser, '-p <number>', '-p is a partition: --port names the port to listen on')
    addChoice(parser, '--log-level <level>', LEVELS.join(', '), LEVELS, 'info')
    parser
      .option('--json', 'print one JSON line when ready, as -o jsonl does')
      .option('--adopt', 'take over a folder that Apache Kafka wrote')
      .addHelpText(
        'after',
        `
Ctrl-C and SIGTERM stop it cleanly. Before it is ready they end it at once, and
the next start recovers what was not closed. Where no output is a terminal, as
under nohup or a service manager, it outlives the terminal it was started from.

Examples:
  ottla start                  on localhost:9092, data in ${DIR_DEFAULT}
  ottla start --port 0 --json  any free port, told in one line of JSON
  ottla start --config server.properties --set log.retention.hours=24
  nohup ottla start > ottla.log 2>&1 &
`,
      )
  },

  async run(context) {
    // Logs are recovered in one go, during which nobody would listen: the system ends the process, and the next start
    // recovers them, as after any crash. For the first process of a container the system does not.
    if (process.pid === 1) context.finishFromHere()
    const hasTerminal = isHangupAStop(process.stdout, process.stderr)
    if (!hasTerminal) outliveHangup()
    const running = await start(context)
    // Before anybody can be told that the broker is there.
    context.finishFromHere()
    const stopAsked = Promise.race([aborted(context.signal), ...(hasTerminal ? [terminalClosed()] : [])])
    // Whoever does not read it does not keep the broker from ending.
    void announce(context, running)
    keepCompiled()
    await stopAsked
    process.stderr.write('stopping; Ctrl-C again ends at once\n')
    const giveUp = setTimeout(() => {
      process.stderr.write(
        `ottla: not stopped after ${STOP_TIMEOUT_MS / 1000} s; ending without a clean-shutdown mark\n`,
      )
      process.exit(exitCodes.failed)
    }, STOP_TIMEOUT_MS)
    await running.stop()
    clearTimeout(giveUp)
    return exitCodes.ok
  },
}

async function start({ options, args }: CommandContext): Promise<RunningBroker> {
  if (options.dir === '') throw new UsageError('--dir names a folder')
  if (args.length > 0)
    throw new UsageError(`start takes no arguments, only options; ${JSON.stringify(args[0])} is none`)
  const settings = settingsOf(options)
  try {
    const config = configOf(settings)
    return await startBrokerProcess(settings, config)
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message)
    if (error instanceof UsageError) throw error
    const sentence = explainStart(error, settings)
    if (sentence === null) throw error
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT' && !(error instanceof DataFolderError)
    throw new CommandError(sentence, isMissing ? exitCodes.notFound : exitCodes.failed)
  }
}

function settingsOf(options: CommandContext['options']): StartSettings {
  return {
    dir: options.dir,
    port: options.port === undefined ? undefined : portOf(options.port),
    configFile: options.config,
    set: options.set ?? [],
    maxDiskBytes: options.maxDisk === undefined ? undefined : bytesOf(options.maxDisk),
    logLevel: options.logLevel,
    adopt: options.adopt === true,
  }
}

function portOf(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new UsageError(`--port is a number from 0 to 65535, not ${JSON.stringify(text)}`)
  return port
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }

function bytesOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(text)
  if (match === null) throw new UsageError(`--max-disk is a size such as 500M or 20G, not ${JSON.stringify(text)}`)
  return Math.floor(Number(match[1]) * UNITS[match[2].toLowerCase()])
}

/** Says on standard output, in one go, that clients may come. */
async function announce({ options, globals, output }: CommandContext, running: RunningBroker): Promise<void> {
  const { broker, http, dataDirs } = running
  const ms = Math.round(performance.now())
  if (options.json !== true && (globals.format === null || globals.format === 'table')) {
    const more = http === null ? '' : `, metrics on port ${http.port}`
    const where = dataDirs.length === 1 ? dataDirs[0] : `${dataDirs.length} folders, ${dataDirs.join(' and ')}`
    return output.line(`Ottla is ready on ${broker.bootstrap} after ${ms} ms; data in ${where}${more}`)
  }
  const ready = {
    event: 'ready',
    bootstrap: broker.bootstrap,
    port: broker.listeners[0].port,
    listeners: broker.listeners,
    httpPort: http?.port ?? null,
    nodeId: broker.nodeId,
    clusterId: broker.clusterId,
    dirs: dataDirs,
    pid: process.pid,
    startMs: ms,
  }
  return options.json === true ? output.line(JSON.stringify(ready)) : output.data(ready)
}

/**
 * Node writes what it has compiled into its cache when the process ends in order, which a broker that is killed never
 * does: its next start would compile everything again, 50 ms. Once there are clients, some ms more matter to nobody.
 */
function keepCompiled(): void {
  setTimeout(() => module.flushCompileCache(), COMPILED_AFTER_MS).unref()
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
