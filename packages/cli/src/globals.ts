import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Command } from 'commander'
import { addChoice } from './choices.ts'
import { UsageError } from './command.ts'

export const outputFormats = ['table', 'json', 'jsonl', 'yaml'] as const
export type OutputFormat = (typeof outputFormats)[number]

/** What the options that every command has come to, after profile and environment. */
export interface Globals {
  readonly bootstrap: string
  /** Null when none was asked for: each command then chooses what suits a reader. */
  readonly format: OutputFormat | null
  /** Show times in this machine's zone instead of UTC. */
  readonly local: boolean
  /** Kafka's and librdkafka's property names, the last of a name wins. */
  readonly properties: ReadonlyMap<string, string>
}

export const BOOTSTRAP_DEFAULT = 'localhost:9092'

/** `all`: what leads to a broker, and `output`: how things are printed; `format`: not the zone of times. */
export type SharedOptions = 'all' | 'output' | 'format' | 'none'

/** Declares the options that every command has, those of them that `shared` names. */
export function addGlobalOptions(command: Command, shared: SharedOptions = 'all'): void {
  if (shared === 'none') return
  if (shared === 'all') command.option('-b, --bootstrap <hosts>', 'brokers as host:port,… (OTTLA_BOOTSTRAP)')
  addChoice(command, '-o, --output <format>', `output as ${outputFormats.join(', ')}`, outputFormats)
  if (shared === 'all') {
    command
      .option('-X, --property <name=value>', "client property by Kafka's or librdkafka's name; may be repeated", append)
      .option('--profile <name>', 'profile of the profile file (OTTLA_PROFILE)')
  }
  if (shared !== 'format') command.option('--local', 'times in the local zone instead of UTC')
  if (shared !== 'all') return
  // The spellings of Apache Kafka's own tools.
  addHidden(command, '--bootstrap-server <hosts>')
  addHidden(command, '--broker-list <hosts>')
  addHidden(command, '--command-config <file>')
}

const VALUED: ReadonlySet<string> = new Set([
  ...['-b', '--bootstrap', '--bootstrap-server', '--broker-list', '--command-config'],
  ...['-o', '--output', '-X', '--property', '--profile'],
])

/** Whether the word is an option of every command, and the next word its value. */
export function takesValue(word: string): boolean {
  return VALUED.has(word)
}

export function addHidden(command: Command, flags: string, parse?: (value: string, before: unknown) => unknown): void {
  const option = command.createOption(flags).hideHelp()
  if (parse !== undefined) option.argParser(parse)
  command.addOption(option)
}

/** An option that other tools have, or that other commands have with another meaning, and what to do instead of it. */
export function addRefused(command: Command, flags: string, sentence: string): void {
  const option = command.createOption(flags).hideHelp()
  command.addOption(option)
  command.on(`option:${option.name()}`, () => {
    throw new UsageError(sentence)
  })
}

export function append(value: string, before: unknown): string[] {
  return [...((before as string[] | undefined) ?? []), value]
}

interface Profile {
  readonly bootstrap?: string
  readonly properties?: Readonly<Record<string, string | number | boolean>>
}

/** Reads the profile too, unless the command is one that `shared` keeps from it. Throws `UsageError`. */
export function resolveGlobals(
  // biome-ignore lint/suspicious/noExplicitAny: commander's own type
  options: Record<string, any>,
  env: NodeJS.ProcessEnv,
  shared: SharedOptions = 'all',
): Globals {
  const profile = shared === 'all' ? readProfile(options.profile ?? (env.OTTLA_PROFILE || undefined), env) : {}
  const properties = new Map<string, string>()
  for (const [name, value] of Object.entries(profile.properties ?? {})) properties.set(name, String(value))
  if (options.commandConfig !== undefined) {
    for (const [name, value] of readPropertiesFile(options.commandConfig)) properties.set(name, value)
  }
  for (const text of (options.property as string[] | undefined) ?? []) {
    const at = text.indexOf('=')
    if (at < 1) throw new UsageError(`-X takes name=value, not ${JSON.stringify(text)}`)
    properties.set(text.slice(0, at).trim(), text.slice(at + 1).trim())
  }
  const fromProperties = properties.get('bootstrap.servers') ?? properties.get('metadata.broker.list')
  return {
    bootstrap:
      options.bootstrap ??
      options.bootstrapServer ??
      options.brokerList ??
      fromProperties ??
      // Empty is as good as unset.
      (env.OTTLA_BOOTSTRAP || undefined) ??
      profile.bootstrap ??
      BOOTSTRAP_DEFAULT,
    format: (options.output as OutputFormat | undefined) ?? null,
    local: options.local === true,
    properties,
  }
}

/**
 * Profiles are kept in JSON: `{ "default": "dev", "profiles": { "dev": { "bootstrap": "…", "properties": { … } } } }`.
 * The file is `OTTLA_CONFIG`, else the nearest `.ottla.json` from the working folder upwards, else
 * `~/.config/ottla/config.json`.
 */
function readProfile(name: string | undefined, env: NodeJS.ProcessEnv): Profile {
  const file = profileFile(env)
  if (file === null) {
    if (name !== undefined) throw new UsageError(`there is no profile file that could hold the profile ${name}`)
    return {}
  }
  let content: { default?: string; profiles?: Record<string, Profile> }
  try {
    content = JSON.parse(fs.readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`the profile file ${file} cannot be read: ${(error as Error).message}`)
  }
  const wanted = name ?? content.default
  if (wanted === undefined) return {}
  const profile = content.profiles?.[wanted]
  if (profile === undefined) throw new UsageError(`${file} has no profile ${wanted}`)
  return profile
}

function profileFile(env: NodeJS.ProcessEnv): string | null {
  if (env.OTTLA_CONFIG) return env.OTTLA_CONFIG
  for (let folder = process.cwd(); ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, '.ottla.json')
    if (fs.existsSync(candidate)) return candidate
    if (path.dirname(folder) === folder) break
  }
  const base = env.XDG_CONFIG_HOME || path.join(os.homedir(), '.config')
  const candidate = path.join(base, 'ottla', 'config.json')
  return fs.existsSync(candidate) ? candidate : null
}

/** Java's properties format, as far as client configurations use it: `name=value`, comments with `#` and `!`. */
export function readPropertiesFile(file: string): Map<string, string> {
  let text: string
  try {
    text = fs.readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`the properties file ${file} cannot be read: ${(error as Error).message}`)
  }
  const properties = new Map<string, string>()
  for (const line of text.replace(/\\\r?\n\s*/g, '').split(/\r?\n/)) {
    const match = /^\s*([^#!\s=:][^\s=:]*)\s*[=:\s]\s*(.*?)\s*$/.exec(line)
    if (match !== null) properties.set(match[1], match[2])
  }
  return properties
}
