import { ErrorCode } from '@ottla/protocol'
import { RE2JS, RE2JSException } from 're2js'
import { CoordinatorError } from '../../runtime/outcome.ts'
import type { TopicsImage } from '../topics-image.ts'

/** UTF-16 units; Kafka has no bound but that of the request. */
export const REGEX_LENGTH_MAX = 4_096
/** Instructions of the compiled pattern: repeats of repeats make a short one huge. */
const REGEX_PROGRAM_MAX = 20_000

/** The topics a pattern stands for. Never changed in place. */
export interface ResolvedRegex {
  /** Sorted. */
  readonly topicNames: readonly string[]
  /** Of the topics it was resolved with. */
  readonly version: number
  readonly timestampMs: number
}

/**
 * Patterns of subscriptions: RE2's syntax, matched in time linear in the name's length, on names as a whole (KIP-848).
 * Throws INVALID_REGULAR_EXPRESSION.
 */
export function compileRegex(regex: string): (name: string) => boolean {
  if (regex.length > REGEX_LENGTH_MAX) {
    throw invalid(regex.slice(0, 64), `it is longer than ${REGEX_LENGTH_MAX} characters`)
  }
  try {
    const pattern = RE2JS.compile(regex)
    if (pattern.programSize() > REGEX_PROGRAM_MAX) throw invalid(regex, 'it is too complex')
    return (name) => pattern.testExact(name)
  } catch (error) {
    if (error instanceof RE2JSException) throw invalid(regex, error.message.replace('error parsing regexp: ', ''))
    throw error
  }
}

function invalid(regex: string, why: string): CoordinatorError {
  return new CoordinatorError(
    ErrorCode.INVALID_REGULAR_EXPRESSION,
    `SubscribedTopicRegex \`${regex}\` is not a valid regular expression: ${why}.`,
  )
}

export function resolveRegex(regex: string, topics: TopicsImage, nowMs: number): ResolvedRegex {
  const matches = compileRegex(regex)
  const topicNames: string[] = []
  for (const name of topics.names()) if (matches(name)) topicNames.push(name)
  return { topicNames: topicNames.sort(), version: topics.version, timestampMs: nowMs }
}
