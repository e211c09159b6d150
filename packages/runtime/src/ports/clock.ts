/** The two readings of time. A wall clock may jump either way; only the monotonic one may measure a duration. */
export interface Clock {
  /** Milliseconds since the Unix epoch, an integer. Written into records, never subtracted to make a duration. */
  nowMs(): number
  /** Milliseconds since an arbitrary origin, with a fraction; never falls. */
  monotonicMs(): number
}

/** What `Timers.setTimer` returns and `clearTimer` takes; opaque. */
export type TimerHandle = { readonly __timer: unique symbol }

export interface TimerOptions {
  /** `false` lets the process end while this timer is pending. Default `true`. */
  keepAlive?: boolean
}

export interface Timers {
  /** Calls `fn` once, not earlier than `delayMs` from now (monotonic; clamped to 0 … 2^31-1). */
  setTimer(fn: () => void, delayMs: number, options?: TimerOptions): TimerHandle
  /** Idempotent; after it returns the timer's function is not called. */
  clearTimer(handle: TimerHandle | undefined): void
  /**
   * Calls `fn` once, after the input that is ready now has been handled: the end of one turn of the event loop.
   * What gathers the work of one turn (log appends, responses) hangs on this.
   */
  immediate(fn: () => void): void
}
