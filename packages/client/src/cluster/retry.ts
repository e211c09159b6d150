import { type BackOffOptions, backOffMs, KafkaError } from '@ottla/net'
import type { Timers } from '@ottla/runtime'
import type { ClientDeps } from '../deps.ts'

export function sleep(timers: Timers, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const timer = timers.setTimer(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    const onAbort = () => {
      timers.clearTimer(timer)
      reject(signal!.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

export interface RetryOptions {
  /** How long attempts are begun, in ms; the last failure is thrown then. A function is asked after each failure. */
  readonly timeoutMs: number | (() => number)
  readonly backOff?: BackOffOptions
  readonly signal?: AbortSignal
}

/** Repeats `attempt` while it fails with a retriable error and time is left. */
export async function retry<T>(
  deps: ClientDeps,
  options: RetryOptions,
  attempt: (tried: number) => Promise<T>,
): Promise<T> {
  const { timeoutMs } = options
  const startMs = deps.clock.monotonicMs()
  for (let tried = 0; ; tried++) {
    options.signal?.throwIfAborted()
    try {
      return await attempt(tried)
    } catch (error) {
      if (!(error instanceof KafkaError) || !error.retriable) throw error
      const waitMs = backOffMs(tried, deps.random, options.backOff)
      const untilMs = startMs + (typeof timeoutMs === 'number' ? timeoutMs : timeoutMs())
      if (deps.clock.monotonicMs() + waitMs >= untilMs) throw error
      await sleep(deps.timers, waitMs, options.signal)
    }
  }
}
