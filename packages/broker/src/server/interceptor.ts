import type { TimerHandle, Timers } from '@ottla/runtime'
import type { Handler, RequestBody } from './handler.ts'
import type { Request } from './request.ts'

/** What a test does to the next request of an API. One shot. */
export type Interception =
  /** Handles the request `delayMs` later (0 to 2^31 - 1), or when the broker closes, if that is sooner. */
  | { readonly action: 'delay'; readonly delayMs: number }
  /** Answers with this error code (16 bits, not 0), without handling the request. */
  | { readonly action: 'fail'; readonly errorCode: number }
  /** Closes the connection: before handling the request, or after it and before the answer. */
  | { readonly action: 'drop'; readonly when: 'before' | 'after' }
  /** Handles what the function makes of the request's body. */
  | { readonly action: 'rewrite'; readonly request: (body: RequestBody) => RequestBody }

const DELAY_MS_MAX = 2 ** 31 - 1
const ERROR_CODE_MIN = -(2 ** 15)
const ERROR_CODE_MAX = 2 ** 15 - 1
const ACTIONS: readonly Interception['action'][] = ['delay', 'fail', 'drop', 'rewrite']

/** What is wrong with an interception of a program without types, which would do something else, or nothing; or null. */
function problemOf(interception: Interception): string | null {
  switch (interception?.action) {
    case 'delay': {
      const { delayMs } = interception
      const isDelay = typeof delayMs === 'number' && delayMs >= 0 && delayMs <= DELAY_MS_MAX
      return isDelay ? null : `delay needs delayMs, 0 to ${DELAY_MS_MAX}, not ${delayMs}`
    }
    case 'fail': {
      const { errorCode } = interception
      const isCode = Number.isInteger(errorCode) && errorCode >= ERROR_CODE_MIN && errorCode <= ERROR_CODE_MAX
      return isCode && errorCode !== 0 ? null : `fail needs errorCode, Kafka's number of an error, not ${errorCode}`
    }
    case 'drop': {
      const { when } = interception
      return when === 'before' || when === 'after' ? null : `drop needs when, 'before' or 'after', not ${when}`
    }
    case 'rewrite':
      return typeof interception.request === 'function'
        ? null
        : `rewrite needs request, a function of the body, not ${interception.request}`
    default:
      return `an interception's action is one of ${ACTIONS.join(', ')}, not ${(interception as Interception | null)?.action}`
  }
}

interface Delayed {
  readonly timer: TimerHandle
  readonly handle: () => void
}

export interface Intercepted {
  run(request: Request, body: RequestBody, handle: (body: RequestBody) => void): void
}

/** Interceptions that wait for their request, in the order in which they were armed. */
export class Interceptor {
  private readonly timers: Timers
  private readonly apis: () => Iterable<Handler>
  private armed: { readonly api: string; readonly interception: Interception; readonly taken: () => void }[] = []
  private readonly delayed = new Set<Delayed>()
  private closing = false

  constructor(timers: Timers, apis: () => Iterable<Handler>) {
    this.timers = timers
    this.apis = apis
  }

  /**
   * Arms one interception of the next request of `api` (e.g. `Produce`); resolves once a request has met it. Throws for
   * an API that the broker does not have, which would be waited for in vain, and `TypeError` for an interception that is
   * none.
   */
  next(api: string, interception: Interception): Promise<void> {
    const problem = problemOf(interception)
    if (problem !== null) throw new TypeError(problem)
    const known = [...this.apis()].map(({ request }) => request.name.replace(/Request$/, ''))
    if (!known.includes(api)) throw new Error(`this broker has no API ${api}; it has ${known.sort().join(', ')}`)
    return new Promise((resolve) => {
      this.armed.push({ api, interception, taken: resolve })
    })
  }

  take(request: Request, _body: RequestBody): Intercepted | undefined {
    if (this.armed.length === 0) return undefined
    const at = this.armed.findIndex(({ api }) => request.handler.request.name === `${api}Request`)
    if (at < 0) return undefined
    const [{ interception, taken }] = this.armed.splice(at, 1)
    taken()
    return { run: (r, body, handle) => this.run(interception, r, body, handle) }
  }

  private run(
    interception: Interception,
    request: Request,
    body: RequestBody,
    handle: (body: RequestBody) => void,
  ): void {
    switch (interception.action) {
      case 'delay':
        this.delay(interception.delayMs, () => {
          if (!request.connection.closed) handle(body)
        })
        return
      case 'fail':
        request.refuse(body, interception.errorCode)
        return
      case 'drop':
        if (interception.when === 'after') {
          request.discardResponse = true
          handle(body)
        } else {
          request.connection.destroy()
        }
        return
      case 'rewrite':
        handle(interception.request(body))
    }
  }

  private delay(delayMs: number, handle: () => void): void {
    if (this.closing) {
      handle()
      return
    }
    const timer = this.timers.setTimer(() => {
      this.delayed.delete(delayed)
      handle()
    }, delayMs)
    const delayed: Delayed = { timer, handle }
    this.delayed.add(delayed)
  }

  /** The broker closes: what is delayed is handled now, and nothing is delayed any more. */
  endDelays(): void {
    this.closing = true
    for (const { handle } of this.forgetDelayed()) handle()
  }

  /** The broker is gone: what is delayed is never handled. */
  abandon(): void {
    this.closing = true
    this.forgetDelayed()
  }

  private forgetDelayed(): Delayed[] {
    const all = [...this.delayed]
    this.delayed.clear()
    for (const { timer } of all) this.timers.clearTimer(timer)
    return all
  }
}
