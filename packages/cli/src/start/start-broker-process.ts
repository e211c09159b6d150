import { readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, resolve } from 'node:path'
import { argumentLayer, Broker, BrokerConfig, type ConfigLayer, fileLayer, objectLayer } from '@ottla/broker'
import { onNativeMissing } from '@ottla/protocol/records'
import { type NodeLogger, nodeLogger, nodeRuntime } from '@ottla/runtime/node'
import { UsageError } from '../command.ts'
import { makeDataFolder } from './data-folder.ts'
import type { HttpEndpoint } from './http-endpoint.ts'
import { isAlive, newInstance } from './process-identity.ts'

/** What `ottla start` was asked for. */
export interface StartSettings {
  /** Folder of the data, or several parted by commas. Default `./ottla-data`, unless the configuration names `log.dirs`. */
  readonly dir?: string
  readonly port?: number
  /** A `server.properties` file. */
  readonly configFile?: string
  /** `name=value`. */
  readonly set: readonly string[]
  readonly maxDiskBytes?: number
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  readonly adopt: boolean
}

export interface RunningBroker {
  readonly broker: Broker
  readonly http: HttpEndpoint | null
  readonly dataDirs: readonly string[]
  stop(): Promise<void>
}

export const DIR_DEFAULT = './ottla-data'

/** Layers of configuration, weakest first: our folder, the file, `--set`, then the options with names of their own. */
export function configOf(settings: StartSettings): BrokerConfig {
  const layers: ConfigLayer[] = []
  const fromFile =
    settings.configFile === undefined ? null : fileLayer(contentOf(settings.configFile), basename(settings.configFile))
  const fromArguments = argumentLayer(settings.set)
  refuseTwice(settings, fromArguments)
  const named = [fromFile, fromArguments].some(
    (layer) => layer?.entries.has('log.dirs') || layer?.entries.has('log.dir'),
  )
  if (!named) layers.push(objectLayer({ 'log.dirs': DIR_DEFAULT }, 'default'))
  if (fromFile !== null) layers.push(fromFile)
  layers.push(fromArguments)
  const own: Record<string, string | number | undefined> = {
    'log.dirs': settings.dir,
    'ottla.max.disk.bytes': settings.maxDiskBytes,
  }
  if (settings.port !== undefined) own.listeners = `PLAINTEXT://localhost:${settings.port}`
  layers.push(objectLayer(own, 'options'))
  const config = BrokerConfig.from(...layers)
  const dirs = config.logDirs.map((dir) => resolve(dir))
  refuseCommas(settings, dirs)
  return dirs.every((dir, i) => dir === config.logDirs[i])
    ? config
    : BrokerConfig.from(...layers, objectLayer({ 'log.dirs': dirs.join(',') }))
}

function contentOf(configFile: string): Buffer {
  if (statSync(configFile).isDirectory()) throw new UsageError(`--config ${configFile} is a folder, not a file`)
  return readFileSync(configFile)
}

/** A property that has an option of its own is set by one of the two: neither may lose without a word. */
function refuseTwice({ port, dir, maxDiskBytes }: StartSettings, fromArguments: ConfigLayer): void {
  const said: readonly [option: string, given: unknown, names: readonly string[]][] = [
    ['--port', port, ['listeners']],
    ['--dir', dir, ['log.dirs', 'log.dir']],
    ['--max-disk', maxDiskBytes, ['ottla.max.disk.bytes']],
  ]
  for (const [option, given, names] of said) {
    const name = names.find((candidate) => fromArguments.entries.has(candidate))
    if (given === undefined || name === undefined) continue
    throw new UsageError(`${option} and --set ${name} say the same thing: give one of them`)
  }
}

/** `log.dirs` is a list parted by commas, as Kafka has it: a path with a comma would silently be two folders. */
function refuseCommas({ dir }: StartSettings, dirs: readonly string[]): void {
  if (dir?.includes(',') && statSync(dir, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(
      `--dir takes folders parted by commas, so ${resolve(dir)} cannot be named: give it another name`,
    )
  }
  const within = dirs.find((candidate) => candidate.includes(','))
  if (within === undefined) return
  throw new UsageError(`a data folder has no comma in its path, as ${within} would: name another one with --dir`)
}

/** Starts a broker in this process, with its HTTP endpoint where one is configured. Rejects with what a person can act on. */
export async function startBrokerProcess(settings: StartSettings, config: BrokerConfig): Promise<RunningBroker> {
  // The first holds the metadata; without another one a broker starts.
  makeDataFolder(config.logDirs[0])
  const logger: NodeLogger = nodeLogger({ level: settings.logLevel })
  for (const warning of config.warnings) logger.warn(warning)
  if (config.inertKeys.length > 0) logger.info('settings without effect here', { keys: config.inertKeys })
  onNativeMissing(({ message }) => logger.warn(message))
  const instance = newInstance()
  const runtime = nodeRuntime({ logger })
  const { adopt } = settings
  const options = { config, identity: instance.identity, isAlive, adopt, portsFirst: true, machineName: hostname() }
  const broker = await Broker.start(options, runtime)
  const listener = config.get('ottla.http.listener')
  let http: HttpEndpoint | null = null
  try {
    if (listener !== null) {
      // Loaded when wanted: an import of `node:http` brings in all of Node's own HTTP client, a third of a start.
      const { serveHttp } = await import('./http-endpoint.ts')
      http = await serveHttp(listener, broker)
    }
  } catch (error) {
    await broker.close()
    throw error
  }
  return {
    broker,
    http,
    dataDirs: config.logDirs,
    async stop() {
      await http?.close()
      await broker.close()
      instance.release()
      logger.flush()
    },
  }
}
