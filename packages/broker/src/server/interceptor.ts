import type { Timers } from '@ottla/runtime'
import type { Handler, RequestBody } from './handler.ts'
import type { Request } from './request.ts'

/** What a test does to the next request of an API. One shot. */
export type Interception =
  /** Handles the request `delayMs` later. */
  | { readonly action: 'delay'; readonly delayMs: number }
  /** Answers with this error code, without handling the request. */
  | { readonly action: 'fail'; readonly errorCode: number }
  /** Closes the connection: before handling the request, or after it and before the answer. */
  | { readonly action: 'drop'; readonly when: 'before' | 'after' }
  /** Handles what the function makes of the request's body. */
  | { readonly action: 'rewrite'; readonly request: (body: RequestBody) => RequestBody }

export interface Intercepted {
  run(request: Request, body: RequestBody, handle: (body: RequestBody) => void): void
}

/** Interceptions that wait for their request, in the order in which they were armed. */
export class Interceptor {
  private readonly timers: Timers
  private readonly apis: () => Iterable<Handler>
  private armed: { readonly api: string; readonly interception: Interception; readonly taken: () => void }[] = []

  constructor(timers: Timers, apis: () => Iterable<Handler>) {
    this.timers = timers
    this.apis = apis
  }

  /**
   * Arms one interception of the next request of `api` (e.g. `Produce`); resolves once a request has met it. Throws for
   * an API that the broker does not have: it would be waited for in vain.
   */
  next(api: string, interception: Interception): Promise<void> {
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
        this.timers.setTimer(() => {
          if (!request.connection.closed) handle(body)
        }, interception.delayMs)
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
}
