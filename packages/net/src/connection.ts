import {
  ApiVersionsRequest,
  ApiVersionsResponse,
  decodeResponseHeader,
  ErrorCode,
  encodeRequest,
  errorName,
} from '@ottla/protocol'
import type { Clock, Logger, Network, Socket, TimerHandle, Timers, TlsOptions } from '@ottla/runtime'
import { type Api, api, type RequestOf, type ResponseOf } from './api.ts'
import { type FinalizedFeature, PeerVersions } from './api-versions.ts'
import { ConnectionError, connectionError } from './errors.ts'
import { FrameAssembler } from './frame-assembler.ts'
import { authenticate } from './sasl/authenticate.ts'
import type { SaslMechanism } from './sasl/mechanism.ts'

export interface ConnectionOptions {
  readonly host: string
  readonly port: number
  /** Sent in every request header; null is legal. */
  readonly clientId: string | null
  /** Reported to the broker (KIP-511): letters, digits, `-` and `.`. */
  readonly softwareName?: string
  readonly softwareVersion?: string
  /** Until the connection is made and the versions are known, in ms. Default 10 000. */
  readonly connectTimeoutMs?: number
  /** From sending a request to its response, in ms. Default 30 000. */
  readonly requestTimeoutMs?: number
  /** Of one response, in bytes. Default `MAX_FRAME_BYTES_DEFAULT`. */
  readonly maxFrameBytes?: number
  /** Default: without TLS. */
  readonly tls?: TlsOptions
  /** How we say who we are. Default: not at all. */
  readonly sasl?: SaslMechanism
  /** What was written has left for the kernel, after `pendingBytes` was above 0. */
  readonly onDrain?: () => void
  /** Called once, after every request under way has failed. */
  readonly onClose?: (error: ConnectionError) => void
}

export interface ConnectionDeps {
  readonly net: Network
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: Logger
}

export interface CallOptions {
  /** Default: the highest version both ends know. */
  readonly version?: number
  /** Default: the connection's request timeout. */
  readonly timeoutMs?: number
  /** Sent while other requests are held back. */
  readonly isPartOfHold?: boolean
}

export type Done<T> = (error: ConnectionError | null, response: T | null) => void

interface InFlight {
  readonly correlationId: number
  readonly api: Api
  readonly version: number
  readonly deadlineMs: number
  readonly done: Done<never>
}

const apiVersions = api(ApiVersionsRequest, ApiVersionsResponse)
/** The first version tried; a peer that does not know it answers in version 0 and names its range. */
const API_VERSIONS_FIRST = 4
const CONNECT_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
/** Of the time a session lasts; Apache Kafka's clients take 0.85 to 0.95 of it at random. */
const SESSION_SHARE = 0.85

/**
 * One connection to a broker. Requests are written at once and may follow each other without waiting; responses come
 * in their order, as the protocol promises. The first failure of any kind closes the connection and fails everything
 * under way: a stream whose position is unknown cannot be used again.
 */
export class Connection {
  readonly peer: string
  private readonly options: ConnectionOptions
  private readonly deps: ConnectionDeps
  private readonly socket: Socket
  private readonly assembler: FrameAssembler
  private readonly requestTimeoutMs: number
  /** Oldest first. */
  private inFlight: InFlight[] = []
  private nextCorrelationId = 0
  private timer: TimerHandle | undefined
  private timerDeadlineMs = Number.POSITIVE_INFINITY
  private failure: ConnectionError | null = null
  private peerVersions: PeerVersions | null = null
  private readonly connected = Promise.withResolvers<void>()
  /** Rejects with what the connection ends with. */
  private readonly ended = Promise.withResolvers<never>()
  /** Requests that wait until we have said again who we are; null while none has to. */
  private held: (() => void)[] | null = null
  private sessionTimer: TimerHandle | undefined
  /** Something besides its versions. */
  private answered = false

  /** Connects and negotiates. Rejects with a `ConnectionError`. */
  static async open(options: ConnectionOptions, deps: ConnectionDeps): Promise<Connection> {
    const connection = new Connection(options, deps)
    await connection.negotiate()
    await connection.beginSession()
    return connection
  }

  private constructor(options: ConnectionOptions, deps: ConnectionDeps) {
    this.options = options
    this.deps = deps
    this.peer = options.host.includes(':') ? `[${options.host}]:${options.port}` : `${options.host}:${options.port}`
    this.requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS
    this.ended.promise.catch(() => {})
    this.assembler = new FrameAssembler({
      maxFrameBytes: options.maxFrameBytes,
      onFrame: (frame) => this.onFrame(frame),
      onError: (error) => this.fail(connectionError(this.peer, error)),
    })
    this.socket = deps.net.connect(
      {
        host: options.host,
        port: options.port,
        connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
        tls: options.tls,
      },
      {
        onConnect: () => this.connected.resolve(),
        readBuffer: () => this.assembler.readBuffer(),
        onData: (chunk) => this.assembler.push(chunk),
        onDrain: () => options.onDrain?.(),
        onClose: (error) => this.fail(error === null ? this.closedByPeer() : connectionError(this.peer, error)),
      },
    )
  }

  /** What the peer can do. */
  get versions(): PeerVersions {
    if (this.peerVersions === null) throw new Error('the connection has not negotiated yet')
    return this.peerVersions
  }

  get closed(): boolean {
    return this.failure !== null
  }

  /** Requests sent and not yet answered. */
  get inFlightCount(): number {
    return this.inFlight.length
  }

  /** Bytes of requests that have not left for the kernel. */
  get pendingBytes(): number {
    return this.socket.pendingBytes
  }

  call<A extends Api>(api: A, value: RequestOf<A>, options: CallOptions = {}): Promise<ResponseOf<A>> {
    return new Promise((resolve, reject) => {
      this.send(
        api,
        value,
        (error, response) => (error === null ? resolve(response as ResponseOf<A>) : reject(error)),
        options,
      )
    })
  }

  /**
   * As `call`, without a promise: `done` is called exactly once, never before `send` returns.
   * A value that does not fit its version throws `CodecError`: a bug of the caller, the connection stays.
   */
  send<A extends Api>(api: A, value: RequestOf<A>, done: Done<ResponseOf<A>>, options: CallOptions = {}): void {
    if (this.held !== null && options.isPartOfHold !== true) {
      this.held.push(() => this.send(api, value, done, options))
      return
    }
    let version = options.version
    if (version === undefined) {
      try {
        version = this.versions.pick(api)
      } catch (error) {
        this.deps.timers.immediate(() => done(error as ConnectionError, null))
        return
      }
    }
    const correlationId = this.nextCorrelationId
    const chunks = this.encode(api, version, correlationId, value)
    const failure = this.failure
    if (failure !== null) {
      this.deps.timers.immediate(() => done(failure, null))
      return
    }
    const deadlineMs = this.deps.clock.monotonicMs() + (options.timeoutMs ?? this.requestTimeoutMs)
    this.inFlight.push({ correlationId, api, version, deadlineMs, done: done as Done<never> })
    this.watch(deadlineMs)
    this.socket.write(chunks)
  }

  /** Sends a request that the broker does not answer (Produce with acks 0). Returns `false` on a closed connection. */
  sendOneWay<A extends Api>(api: A, value: RequestOf<A>, options: CallOptions = {}): boolean {
    if (this.failure !== null) return false
    if (this.held !== null) {
      this.held.push(() => this.sendOneWay(api, value, options))
      return true
    }
    const version = options.version ?? this.versions.pick(api)
    const chunks = this.encode(api, version, this.nextCorrelationId, value)
    this.socket.write(chunks)
    return true
  }

  /** Sends what is pending and closes. Requests under way fail with `CONNECTION_CLOSED`. Idempotent. */
  close(): void {
    if (this.failure !== null) return
    this.settle(new ConnectionError('CONNECTION_CLOSED', this.peer, `the connection to ${this.peer} was closed`))
    this.socket.end()
  }

  private closedByPeer(): ConnectionError {
    const isBare = this.peerVersions !== null && !this.answered && this.options.sasl === undefined
    const silent = this.peerVersions === null ? ' before the first response: does it expect TLS or SASL?' : ''
    const when = isBare && this.inFlight.length > 0 ? ' at the first request: does it expect SASL?' : silent
    return new ConnectionError('CONNECTION_CLOSED', this.peer, `${this.peer} closed the connection${when}`)
  }

  private encode<A extends Api>(api: A, version: number, correlationId: number, value: RequestOf<A>): Uint8Array[] {
    const chunks = encodeRequest(api.request, version, correlationId, this.options.clientId, value)
    this.nextCorrelationId = (correlationId + 1) & 0x7fffffff
    return chunks
  }

  private onFrame(frame: Buffer): undefined {
    const request = this.inFlight[0]
    try {
      if (request === undefined) throw new Error('no request is under way')
      const { api, version } = request
      const { correlationId, reader } = decodeResponseHeader(frame, api.response, version)
      if (correlationId !== request.correlationId) {
        throw new Error(`response ${correlationId} where ${request.correlationId} was expected`)
      }
      // The refusal of an ApiVersions version comes in version 0, so that it can be read (KIP-511).
      const refused =
        api.key === apiVersions.key && frame.length >= 6 && frame.readInt16BE(4) === ErrorCode.UNSUPPORTED_VERSION
      const decodeVersion = refused ? 0 : version
      const response = api.response.read(reader, decodeVersion)
      this.inFlight.shift()
      if (this.inFlight.length === 0) this.unwatch()
      if (api.key !== apiVersions.key) this.answered = true
      request.done(null, response as never)
    } catch (error) {
      // Thrown by `done`, it is a bug above us and not the peer's doing.
      if (this.inFlight[0] !== request) throw error
      const what = `${this.peer} sent a response we cannot read: ${(error as Error).message}`
      this.fail(new ConnectionError('MALFORMED_RESPONSE', this.peer, what, error))
    }
    return undefined
  }

  private async negotiate(): Promise<void> {
    const budgetMs = this.options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS
    const untilMs = this.deps.clock.monotonicMs() + budgetMs
    await this.connected.promise
    let version = API_VERSIONS_FIRST
    for (;;) {
      const timeoutMs = Math.max(1, untilMs - this.deps.clock.monotonicMs())
      const response = await this.call(
        apiVersions,
        {
          clientSoftwareName: this.options.softwareName ?? 'ottla',
          clientSoftwareVersion: this.options.softwareVersion ?? '0.1.0',
        },
        { version, timeoutMs },
      )
      if (response.errorCode === ErrorCode.UNSUPPORTED_VERSION && version > 0) {
        const offered = response.apiKeys.find((k) => k.apiKey === apiVersions.key)
        version = offered === undefined ? 0 : Math.max(0, Math.min(offered.maxVersion, version - 1))
        continue
      }
      if (response.errorCode !== 0) {
        const what = `${this.peer} refused to name its versions: ${errorName(response.errorCode)}`
        const error = new ConnectionError('UNSUPPORTED_API', this.peer, what)
        this.fail(error)
        throw error
      }
      const features = new Map<string, FinalizedFeature>()
      if (response.finalizedFeaturesEpoch >= 0) {
        for (const f of response.finalizedFeatures) {
          features.set(f.name, { minLevel: f.minVersionLevel, maxLevel: f.maxVersionLevel })
        }
      }
      this.peerVersions = new PeerVersions(this.peer, response.apiKeys, features)
      return
    }
  }

  /** Says who we are, and again before the broker's patience is over (KIP-368): other requests are held back meanwhile. */
  private async beginSession(): Promise<void> {
    const { sasl } = this.options
    if (sasl === undefined) return
    this.held ??= []
    const { timers } = this.deps
    const patience = timers.setTimer(() => {
      const what = `${this.peer}: it took too long to say who we are (${sasl.name})`
      this.fail(new ConnectionError('REQUEST_TIMEOUT', this.peer, what))
    }, this.requestTimeoutMs)
    let lifetimeMs: number
    try {
      lifetimeMs = await Promise.race([authenticate(this, sasl), this.ended.promise])
    } catch (error) {
      this.fail(error as ConnectionError)
      throw error
    } finally {
      timers.clearTimer(patience)
    }
    if (lifetimeMs > 0) {
      const again = (): void => void this.beginSession().catch(() => {})
      this.sessionTimer = this.deps.timers.setTimer(again, lifetimeMs * SESSION_SHARE, { keepAlive: false })
    }
    this.release()
  }

  private release(): void {
    const { held } = this
    this.held = null
    for (const send of held ?? []) send()
  }

  /** Keeps one timer for the earliest deadline of all requests under way. */
  private watch(deadlineMs: number): void {
    if (deadlineMs >= this.timerDeadlineMs) return
    this.deps.timers.clearTimer(this.timer)
    this.timerDeadlineMs = deadlineMs
    const delayMs = deadlineMs - this.deps.clock.monotonicMs()
    this.timer = this.deps.timers.setTimer(() => this.onTimer(), delayMs, { keepAlive: false })
  }

  private unwatch(): void {
    this.deps.timers.clearTimer(this.timer)
    this.timer = undefined
    this.timerDeadlineMs = Number.POSITIVE_INFINITY
  }

  private onTimer(): void {
    this.timer = undefined
    this.timerDeadlineMs = Number.POSITIVE_INFINITY
    const nowMs = this.deps.clock.monotonicMs()
    let nextMs = Number.POSITIVE_INFINITY
    for (const request of this.inFlight) {
      if (request.deadlineMs <= nowMs) {
        const what = `${this.peer} did not answer ${request.api.name} in time`
        this.fail(new ConnectionError('REQUEST_TIMEOUT', this.peer, what))
        return
      }
      nextMs = Math.min(nextMs, request.deadlineMs)
    }
    if (nextMs !== Number.POSITIVE_INFINITY) this.watch(nextMs)
  }

  private fail(error: ConnectionError): void {
    if (this.failure !== null) return
    this.settle(error)
    this.socket.destroy()
  }

  private settle(error: ConnectionError): void {
    this.failure = error
    this.unwatch()
    this.deps.timers.clearTimer(this.sessionTimer)
    this.assembler.close()
    const failed = this.inFlight
    this.inFlight = []
    for (const request of failed) request.done(error, null as never)
    // They fail like any that come after the end.
    this.release()
    this.connected.reject(error)
    this.ended.reject(error)
    this.options.onClose?.(error)
  }
}
