import { type Chunk, encodeResponseChunks, type Message } from '@ottla/protocol'
import type { Connection } from './connection.ts'
import type { Handler, RequestBody } from './handler.ts'
import type { Lease } from './lease.ts'

const NO_LEASES: readonly Lease[] = []

/**
 * One request from its arrival to the moment its response may leave. A connection answers strictly in the order of
 * arrival, so a finished request waits in its connection's queue for those before it.
 *
 * ```
 * handling ──respond──▶ answered ──(all before it have left)──▶ gone
 *     └───finishSilently──▶ silent ──────────────────────────────┘      acks=0: nothing is sent
 * ```
 */
export class Request {
  readonly connection: Connection
  readonly handler: Handler
  readonly apiVersion: number
  readonly correlationId: number
  clientId: string | null
  /** Bytes of the frame, which the connection and the broker count as queued until the request is finished. */
  readonly frameBytes: number
  /** The frame's memory, held until the request is finished: views on it are good until then. */
  readonly memory: ArrayBufferLike
  readonly receivedMonotonicMs: number
  /** Set when answered. */
  response: Chunk[] | null = null
  finished = false
  /**
   * The response says so, and the connection stops reading for this long once it has left (KIP-219). Set it before the
   * request is answered.
   */
  throttleTimeMs = 0
  /** What the answer's chunks lie in; held until they have left. */
  leases: readonly Lease[] = NO_LEASES
  /** Closes the connection in place of the answer: a fault that tests ask for. */
  discardResponse = false
  /** What has come over its connection behind it is not handled any more. */
  hasEndedConnection = false
  /** What a parked request does when its connection goes away before it is answered. */
  onAbandon: (() => void) | null = null

  /** Told once when an answer cannot be written, whoever gave it: a parked request is answered from anywhere. */
  onBug: ((error: unknown) => void) | null = null

  constructor(
    connection: Connection,
    handler: Handler,
    apiVersion: number,
    correlationId: number,
    clientId: string | null,
    frame: Buffer,
    receivedMonotonicMs: number,
  ) {
    this.connection = connection
    this.handler = handler
    this.apiVersion = apiVersion
    this.correlationId = correlationId
    this.clientId = clientId
    this.frameBytes = frame.length
    this.memory = frame.buffer
    this.receivedMonotonicMs = receivedMonotonicMs
  }

  /** Answers. Exactly once; a second call is a bug and throws. Harmless when the connection is gone meanwhile. */
  respond(value: object): void {
    this.finish()
    if (this.connection.closed) return
    if (this.discardResponse) {
      this.connection.destroy()
      return
    }
    const message = this.handler.response as Message
    const onBug = this.onBug
    this.onBug = null
    try {
      const told = this.throttleTimeMs > 0 ? { ...value, throttleTimeMs: this.throttleTimeMs } : value
      this.response = encodeResponseChunks(message, this.apiVersion, this.correlationId, told)
    } catch (error) {
      if (onBug === null) throw error
      onBug(error)
      return
    }
    this.connection.finished(this)
  }

  /** Answers that the whole request failed; without an answer to give, closes the connection. */
  refuse(body: RequestBody, errorCode: number): void {
    const { handler, apiVersion } = this
    if (handler.isSilent?.(body) !== true) {
      this.respond(handler.refuse(body, errorCode, apiVersion))
      return
    }
    this.finishSilently()
    this.endConnection(`${handler.request.name} without an answer failed with error ${errorCode}`)
  }

  /** Closes the connection because of what this request is. */
  endConnection(reason: string): void {
    this.hasEndedConnection = true
    this.connection.refuse(reason)
  }

  /** Finishes without an answer, as for a produce request with acks=0. */
  finishSilently(): void {
    this.finish()
    if (this.connection.closed) return
    if (this.discardResponse) this.connection.destroy()
    else this.connection.finished(this)
  }

  /** Answers with bytes made elsewhere: a whole frame, its length included. */
  respondWithFrame(frame: Uint8Array[]): void {
    this.finish()
    if (this.connection.closed) return
    this.response = frame
    this.connection.finished(this)
  }

  /** The connection is gone: whatever waits for this request may stop. */
  abandon(): void {
    const stop = this.onAbandon
    this.onAbandon = null
    if (stop !== null && !this.finished) stop()
  }

  private finish(): void {
    if (this.finished) throw new Error(`${this.handler.request.name} was answered twice`)
    this.finished = true
  }
}
