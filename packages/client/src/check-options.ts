import { inspect } from 'node:util'
import { nearestName } from '@ottla/runtime'
import { ConfigError } from './errors.ts'

/** What values an option takes. */
export interface OptionRule {
  /** Completes "<option> is …". */
  readonly allowed: string
  /** Its value is not for messages. */
  readonly isSecret?: true
  accepts(value: unknown): boolean
}

/** Timers and the protocol count ms in an int32. */
export const LARGEST_INT32 = 2 ** 31 - 1
const SHOWN_CHARS = 60

export function whole(min: number, max = Number.MAX_SAFE_INTEGER, unit = ''): OptionRule {
  const bounds = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  return {
    allowed: `a whole number${unit === '' ? '' : ` of ${unit}`} ${bounds}`,
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
  }
}

/** Whole or not. */
export function milliseconds(min: number): OptionRule {
  return {
    allowed: `a number of ms from ${min} to ${LARGEST_INT32}`,
    accepts: (value) => typeof value === 'number' && value >= min && value <= LARGEST_INT32,
  }
}

export function oneOf(...values: readonly unknown[]): OptionRule {
  const texts = values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value)))
  return {
    allowed: texts.length === 1 ? texts[0] : `${texts.slice(0, -1).join(', ')} or ${texts[texts.length - 1]}`,
    accepts: (value) => values.includes(value),
  }
}

export const yesOrNo: OptionRule = oneOf(true, false)

export const someText: OptionRule = {
  allowed: 'a text that is not empty',
  accepts: (value) => typeof value === 'string' && value !== '',
}

export const aFunction: OptionRule = { allowed: 'a function', accepts: (value) => typeof value === 'function' }

export const aSerializer = withMethod('a serializer', 'serialize')
export const aDeserializer = withMethod('a deserializer', 'deserialize')

function withMethod(what: string, method: string): OptionRule {
  return {
    allowed: `${what}: an object with the method ${method}, such as serde.string`,
    accepts: (value) => typeof (value as Record<string, unknown> | null)?.[method] === 'function',
  }
}

/** Either rule, as for a number that may also be Infinity. */
export function either(a: OptionRule, b: OptionRule): OptionRule {
  return { allowed: `${a.allowed}, or ${b.allowed}`, accepts: (value) => a.accepts(value) || b.accepts(value) }
}

/**
 * Throws `ConfigError` for an option that no rule names, and for a value that its rule does not take. An option that is
 * undefined counts as left out. `whose` says whose options they are, e.g. `a producer`.
 */
export function checkOptions(whose: string, options: unknown, rules: Readonly<Record<string, OptionRule>>): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ConfigError(`the options of ${whose} are an object, not ${shown(options)}`)
  }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (rule === undefined) {
      const near = nearestName(name, Object.keys(rules))
      const help = near === null ? `it has ${Object.keys(rules).join(', ')}` : `did you mean ${near}?`
      throw new ConfigError(`${whose} has no option ${JSON.stringify(name)}; ${help}`)
    }
    if (rule.accepts(value)) continue
    const instead = rule.isSecret ? '' : `, not ${shown(value)}`
    throw new ConfigError(`${name} is ${rule.allowed}${instead}`)
  }
}

function shown(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY })
  return text.length <= SHOWN_CHARS ? text : `${text.slice(0, SHOWN_CHARS)}…`
}
