import { ErrorCode } from '@ottla/protocol'
import { compilePattern, PATTERN_LENGTH_MAX, PatternError } from '../../pattern/pattern.ts'
import { CoordinatorError } from '../../runtime/outcome.ts'
import type { TopicsImage } from '../topics-image.ts'

/** The topics a pattern stands for. Never changed in place. */
export interface ResolvedRegex {
  /** Sorted. */
  readonly topicNames: readonly string[]
  /** Of the topics it was resolved with. */
  readonly version: number
  readonly timestampMs: number
}

/** Patterns of subscriptions, matched on names as a whole (KIP-848). Throws INVALID_REGULAR_EXPRESSION. */
export function compileRegex(regex: string): (name: string) => boolean {
  try {
    return compilePattern(regex)
  } catch (error) {
    if (error instanceof PatternError) throw invalid(shown(regex), error.message)
    throw error
  }
}

function shown(regex: string): string {
  return regex.length > PATTERN_LENGTH_MAX ? regex.slice(0, 64) : regex
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
