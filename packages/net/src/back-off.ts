import type { Random } from '@ottla/runtime'

export interface BackOffOptions {
  /** Wait before the first retry, in ms. `retry.backoff.ms`, default 100. */
  readonly initialMs?: number
  /** The longest wait before jitter, in ms. `retry.backoff.max.ms`, default 1000. */
  readonly maxMs?: number
  /** The wait is spread by up to this share in both directions, 0 … 1. Default 0.2, as in Apache Kafka (KIP-580). */
  readonly jitter?: number
}

/** The wait before retry number `attempt` (0 is the first): doubled each time, bounded, then spread. */
export function backOffMs(attempt: number, random: Random, options: BackOffOptions = {}): number {
  const { initialMs = 100, maxMs = 1000, jitter = 0.2 } = options
  const waitMs = Math.min(maxMs, initialMs * 2 ** Math.min(attempt, 30))
  return waitMs * (1 - jitter + 2 * jitter * random.float())
}
