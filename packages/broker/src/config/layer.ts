import { ConfigError } from './error.ts'
import { decodeProperties, parseProperties } from './server-properties.ts'

/** One place that sets broker properties; later layers win over earlier ones. */
export interface ConfigLayer {
  /** Names the place in messages: `server.properties`, `--set`. */
  readonly origin: string
  readonly entries: ReadonlyMap<string, string>
  /** Lines of the entries, when the place is a file. */
  readonly lines?: ReadonlyMap<string, number>
  readonly duplicates?: readonly string[]
}

/** The entry's place for a message: `server.properties line 12`. */
export function originOf(layer: ConfigLayer, name: string): string {
  const line = layer.lines?.get(name)
  return line === undefined ? layer.origin : `${layer.origin} line ${line}`
}

/**
 * A properties file.
 * @param origin the file's name
 * @throws ConfigError when the file's syntax is broken
 */
export function fileLayer(bytes: Uint8Array, origin: string): ConfigLayer {
  return { origin, ...parseProperties(decodeProperties(bytes), origin) }
}

/**
 * Arguments of the form `name=value`.
 * @throws ConfigError when there is no name or no `=`
 */
export function argumentLayer(items: readonly string[], origin = '--set'): ConfigLayer {
  const entries = new Map<string, string>()
  for (const item of items) {
    const at = item.indexOf('=')
    const name = item.slice(0, Math.max(at, 0)).trim()
    if (name === '') throw new ConfigError('', `${origin} ${item} is not allowed: it must be name=value`)
    entries.set(name, item.slice(at + 1))
  }
  return { origin, entries }
}

/** Values given by a program. `undefined` leaves a key alone. */
export function objectLayer(
  values: { readonly [name: string]: string | number | boolean | readonly string[] | undefined },
  origin = 'config',
): ConfigLayer {
  const entries = new Map<string, string>()
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue
    const text = value === Number.POSITIVE_INFINITY ? '9223372036854775807' : String(value)
    entries.set(name, text)
  }
  return { origin, entries }
}
