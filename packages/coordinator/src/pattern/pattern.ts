import { createRequire } from 'node:module'

/** UTF-16 units; Kafka has no bound but that of the request. */
export const PATTERN_LENGTH_MAX = 4_096
/** Instructions of the compiled pattern: repeats of repeats make a short one huge. */
const PATTERN_PROGRAM_MAX = 20_000

/** Why a pattern means nothing. */
export class PatternError extends Error {}

type Re2 = typeof import('re2js')
let loaded: Re2 | null = null

/** Loaded by the first who has a pattern: reading the library takes longer than starting a broker. */
function re2(): Re2 {
  loaded ??= createRequire(import.meta.url)('re2js') as Re2
  return loaded
}

/**
 * A pattern in RE2's syntax, matched in time linear in the text's length, and against the text as a whole. Throws
 * `PatternError`.
 */
export function compilePattern(pattern: string): (text: string) => boolean {
  if (pattern.length > PATTERN_LENGTH_MAX) throw new PatternError(`it is longer than ${PATTERN_LENGTH_MAX} characters`)
  const { RE2JS, RE2JSException } = re2()
  try {
    const compiled = RE2JS.compile(pattern)
    if (compiled.programSize() > PATTERN_PROGRAM_MAX) throw new PatternError('it is too complex')
    return (text) => compiled.testExact(text)
  } catch (error) {
    if (error instanceof RE2JSException) throw new PatternError(error.message.replace('error parsing regexp: ', ''))
    throw error
  }
}
