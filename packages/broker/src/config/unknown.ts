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
  const near = nearest(name)
  return `${origin}: unknown key ${name} is ignored${near === undefined ? '' : `; did you mean ${near}?`}`
}

/** The declared key in a listener's key, which may have a SASL mechanism before it (`plain.sasl.jaas.config`). */
function baseKey(key: string): string | undefined {
  if (brokerProperty(key) !== undefined) return key
  const rest = key.slice(key.indexOf('.') + 1)
  return brokerProperty(rest) === undefined ? undefined : rest
}

/** The declared key that at most two typing mistakes turn into `name`. */
function nearest(name: string): string | undefined {
  let best: string | undefined
  let bestDistance = 3
  for (const candidate of Object.keys(brokerProperties)) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue
    const distance = editDistance(name, candidate)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1))
    }
    row = next
  }
  return row[b.length]
}
