import { nearestName } from '@ottla/runtime'
import { brokerProperties, brokerProperty } from './catalogue.ts'
import { ConfigError } from './error.ts'

const LISTENER_PREFIX = /^listener\.name\.[^.]+\./

/**
 * What to say of a key that is not declared. Kafka passes such keys on to plug-ins and warns; we warn. A key for one
 * listener (`listener.name.internal.ssl.keystore.location`) is judged by what it sets.
 * @throws ConfigError when the key sets something for one listener that is refused for all
 */
export function explainUnknown(name: string, text: string, origin: string): string {
  if (LISTENER_PREFIX.test(name)) {
    const base = baseKey(name.replace(LISTENER_PREFIX, ''))
    const property = base === undefined ? undefined : brokerProperty(base)
    if (property?.kind === 'refused' && text.trim() !== '') {
      throw new ConfigError(name, `${origin}: ${name} is refused. ${property.reason}`)
    }
    if (base !== undefined) return `${origin}: ${name} is ignored; set ${base}, which holds for every listener`
  }
  return `${origin}: unknown key ${name} is ignored${meant(name, brokerProperties)}`
}

/** The end of a sentence on a name that is not declared: which one is near, if any. */
export function meant(name: string, declared: Readonly<Record<string, unknown>>): string {
  const near = nearestName(name, Object.keys(declared))
  return near === null ? '' : `; did you mean ${near}?`
}

/** The declared key in a listener's key, which may have a SASL mechanism before it (`plain.sasl.jaas.config`). */
function baseKey(key: string): string | undefined {
  if (brokerProperty(key) !== undefined) return key
  const rest = key.slice(key.indexOf('.') + 1)
  return brokerProperty(rest) === undefined ? undefined : rest
}
