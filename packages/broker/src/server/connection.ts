import { FrameAssembler } from '@ottla/net'
import type { Chunk } from '@ottla/protocol'
import type { FileRange, Socket, TimerHandle } from '@ottla/runtime'
import type { Dispatcher } from './dispatcher.ts'
import { type Lease, releaseLease } from './lease.ts'
import { REQUEST_BYTES_IN_FLIGHT_MAX, REQUESTS_IN_FLIGHT_MAX, RESPONSE_BYTES_PENDING_MAX } from './limits.ts'
import type { Request } from './request.ts'
import type { Server } from './server.ts'
import type { AtTurnEnd } from './turn-end.ts'

/**
 * One client's connection. Requests are handled as they arrive, so that pipelined appends of one turn share a write,
 * and answered strictly in order. All answers that became ready during a turn leave in one gathered socket write.
 *
 * Reading stops while any of these holds, which slows this client alone: too many requests or bytes in flight, too
 * many response bytes not taken, a throttle, or the broker's queue of request bytes being full.
 */
export class Connection implements AtTurnEnd {
  readonly id: number
  /** The peer's, without its port. */
  readonly address: string
  readonly listenerName: string
  readonly socket: Socket
  /** From the first ApiVersions request that says so (KIP-511); for logs and metrics. */
  clientSoftware = ''
  closed = false
  /** A whole request with a header we understand has come. */
  proven = false
  readonly openedMs: number
  lastActivityMs: number
  private readonly server: Server
  private readonly dispatcher: Dispatcher
  private readonly assembler: FrameAssembler
  /** In order of arrival; those before `head` have left. */
  private queue: Request[] = []
  private head = 0
  private bytesInFlight = 0
  private paused = false
  private flushing = false
  private throttle: TimerHandle | undefined
  private closing = false
  /** Held for answers whose bytes are still in this process. */
  private readonly unsent: Lease[] = []

  constructor(
    id: number,
    socket: Socket,
    address: string,
    listenerName: string,
    server: Server,
    dispatcher: Dispatcher,
  ) {
    this.address = address
    this.id = id
    this.socket = socket
    this.listenerName = listenerName
    this.server = server
    this.dispatcher = dispatcher
    this.openedMs = server.clock.monotonicMs()
    this.lastActivityMs = this.openedMs
    this.assembler = new FrameAssembler({
      maxFrameBytes: server.limits.maxFrameBytes,
      pool: server.pool,
      onFrame: (frame) => this.onFrame(frame),
      onError: (error) => this.refuse(error.message),
    })
    socket.handle({
      readBuffer: () => this.assembler.readBuffer(),
      onData: (chunk) => {
        this.lastActivityMs = this.server.clock.monotonicMs()
        this.assembler.push(chunk)
        // Large frames come in many chunks: none goes on growing while all that may be queued is queued.
        if (this.server.queuedBytes.full && !this.closing) this.pause()
      },
      onDrain: () => {
        this.releaseUnsent()
        this.reconsiderReading()
      },
      onClose: (error) => this.onClose(error),
    })
  }

  /** `address:port`, as the log shows it. */
  get peer(): string {
    const host = this.address.includes(':') ? `[${this.address}]` : this.address
    return `${host}:${this.socket.remotePort}`
  }

  get requestsInFlight(): number {
    return this.queue.length - this.head
  }

  /** Returns `false` to make the assembler keep what follows for later. */
  private onFrame(frame: Buffer): boolean {
    if (this.closed || this.closing) return false
    const request = this.dispatcher.accept(this, frame)
    if (request === null) return false
    this.proven = true
    this.server.pool.retain(request.memory)
    this.queue.push(request)
    this.server.counters.request(request.handler.request.key, request.frameBytes)
    this.bytesInFlight += request.frameBytes
    this.server.queuedBytes.add(request.frameBytes)
    this.dispatcher.handle(request, frame)
    if (this.closed || this.closing) return false
    if (!this.mustPause()) return true
    this.pause()
    return false
  }

  private mustPause(): boolean {
    return (
      this.closing ||
      this.throttle !== undefined ||
      this.requestsInFlight >= REQUESTS_IN_FLIGHT_MAX ||
      this.bytesInFlight >= REQUEST_BYTES_IN_FLIGHT_MAX ||
      this.socket.pendingBytes >= RESPONSE_BYTES_PENDING_MAX ||
      this.server.queuedBytes.full
    )
  }

  private pause(): void {
    if (this.paused) return
    this.paused = true
    this.socket.pause()
    if (this.server.queuedBytes.full) this.server.queuedBytes.waitForRoom(this)
  }

  /** Reads on when nothing stands against it any more. */
  reconsiderReading(): void {
    if (!this.paused || this.closed) return
    if (this.mustPause()) {
      if (this.server.queuedBytes.full) this.server.queuedBytes.waitForRoom(this)
      return
    }
    this.paused = false
    this.assembler.resume()
    if (!this.paused && !this.closed) this.socket.resume()
  }

  /** A request has its answer, or needs none. */
  finished(request: Request): void {
    if (this.queue[this.head] !== request || this.flushing) return
    this.flushing = true
    this.server.turnEnd.add(this)
  }

  turnEnd(): void {
    this.flushing = false
    if (this.closed) return
    const chunks: (Uint8Array | FileRange)[] = []
    const { unsent } = this
    let throttleMs = 0
    const queue = this.queue
    while (this.head < queue.length && queue[this.head].finished) {
      const request = queue[this.head++]
      if (request.response !== null) this.gather(request.response, chunks)
      for (const lease of request.leases) unsent.push(lease)
      this.release(request)
      if (request.throttleTimeMs > throttleMs) throttleMs = request.throttleTimeMs
    }
    if (this.head === queue.length) {
      queue.length = 0
      this.head = 0
    } else if (this.head > REQUESTS_IN_FLIGHT_MAX) {
      queue.splice(0, this.head)
      this.head = 0
    }
    // Who has waited for an answer for long is not idle the moment it leaves.
    if (chunks.length > 0) this.lastActivityMs = this.server.clock.monotonicMs()
    if (chunks.length === 0 || this.socket.write(chunks)) {
      if (this.socket.pendingBytes === 0) this.releaseUnsent()
    }
    if (this.closing && this.requestsInFlight === 0) {
      this.socket.end()
      return
    }
    if (throttleMs > 0) this.mute(throttleMs)
    this.reconsiderReading()
  }

  /** What is not in memory was put into the answer by the fetch handler: a part of a segment. */
  private gather(response: readonly Chunk[], chunks: (Uint8Array | FileRange)[]): void {
    for (let i = 0; i < response.length; i++) {
      const chunk = response[i] as Uint8Array | FileRange
      chunks.push(chunk)
      this.server.counters.bytesOut += chunk.length
      if (!(chunk instanceof Uint8Array)) this.server.counters.bytesFromFiles += chunk.length
    }
  }

  /** Everything written so far has left this process. */
  private releaseUnsent(): void {
    for (const lease of this.unsent) releaseLease(lease, this.server.pool)
    this.unsent.length = 0
  }

  private release(request: Request): void {
    this.server.pool.release(request.memory)
    this.bytesInFlight -= request.frameBytes
    this.server.queuedBytes.remove(request.frameBytes)
    request.response = null
  }

  /** Reads nothing for a while; after a throttled answer, which has told the client how long (KIP-219). */
  mute(throttleMs: number): void {
    this.server.timers.clearTimer(this.throttle)
    this.throttle = this.server.timers.setTimer(() => {
      this.throttle = undefined
      this.reconsiderReading()
    }, throttleMs)
    this.pause()
  }

  /** Lets the answers under way leave, then closes. */
  closeGracefully(): void {
    if (this.closed) return
    this.closing = true
    this.pause()
    if (this.requestsInFlight === 0) this.socket.end()
  }

  /** Closes because of what the client sent; says so in one line. */
  refuse(reason: string): void {
    if (this.closed) return
    this.server.counters.protocolErrors++
    this.server.logger.warn(`closed connection: ${reason}`, { peer: this.peer, listener: this.listenerName })
    this.destroy()
  }

  destroy(): void {
    if (this.closed) return
    // The socket reports its end later; what else stands in the chunk at hand is not handled any more.
    this.closing = true
    this.socket.destroy()
  }

  private onClose(error: Error | null): void {
    if (this.closed) return
    this.closed = true
    this.server.timers.clearTimer(this.throttle)
    if (error !== null) this.server.logger.debug('connection lost', { peer: this.peer, reason: error.message })
    for (let i = this.head; i < this.queue.length; i++) {
      const request = this.queue[i]
      for (const lease of request.leases) this.unsent.push(lease)
      this.release(request)
      request.abandon()
    }
    this.queue = []
    this.head = 0
    this.releaseUnsent()
    this.assembler.close()
    this.server.forget(this)
  }
}
