import { FrameAssembler } from '@ottla/net'
import {
  CodecError,
  decodeResponseHeader,
  encodeRequest,
  type InputOf,
  type Message,
  type MessageOf,
} from '@ottla/protocol'
import type { Runtime, Socket, TimerHandle } from '@ottla/runtime'
import type { World } from '../world.ts'

export const BROKER_HOST = 'broker'
export const BROKER_PORT = 9092
const CONNECT_TIMEOUT_MS = 1_500
const BACKOFF_MS = 60

interface Pending {
  readonly correlationId: number
  readonly response: Message
  readonly version: number
  readonly timer: TimerHandle
  readonly done: (body: unknown) => void
}

/**
 * A client's connection to the broker that keeps coming back. It knows exactly what was answered, and what was not:
 * then `done` gets null and the request may or may not have been carried out.
 */
export class Link {
  readonly runtime: Runtime
  /** Counts the connections made, so that requests of one can be told from those of another. */
  generation = 0
  private readonly world: World
  private readonly name: string
  private readonly onUp: () => void
  private readonly onDown: () => void
  private readonly backoffMs: number
  private socket: Socket | null = null
  private isUp = false
  private pending: Pending[] = []
  private nextCorrelationId = 1
  private stopped = false

  /** A short `backoffMs` is there before a broker that has just started has read everything. */
  constructor(
    world: World,
    runtime: Runtime,
    name: string,
    onUp: () => void,
    onDown: () => void,
    backoffMs = BACKOFF_MS,
  ) {
    this.world = world
    this.runtime = runtime
    this.name = name
    this.onUp = onUp
    this.onDown = onDown
    this.backoffMs = backoffMs
    this.connect()
  }

  get up(): boolean {
    return this.isUp
  }

  get inFlight(): number {
    return this.pending.length
  }

  private connect(): void {
    if (this.stopped) return
    const generation = ++this.generation
    const assembler = new FrameAssembler({
      onFrame: (frame) => {
        this.onFrame(frame)
        return true
      },
      onError: (error) => this.world.checks.fail('NW', `${this.name} gets frames`, error.message),
    })
    this.socket = this.runtime.net.connect(
      { host: BROKER_HOST, port: BROKER_PORT, connectTimeoutMs: CONNECT_TIMEOUT_MS },
      {
        onConnect: () => {
          this.isUp = true
          this.onUp()
        },
        onData: (chunk) => {
          if (generation === this.generation) assembler.push(chunk)
        },
        onClose: () => {
          if (generation === this.generation) this.down()
        },
      },
    )
  }

  /** Gives the connection up: everything unanswered is unknown. */
  drop(): void {
    const { socket } = this
    this.down()
    socket?.destroy()
  }

  stop(): void {
    this.stopped = true
    this.drop()
  }

  private down(): void {
    this.generation++
    this.socket = null
    this.isUp = false
    const unanswered = this.pending
    this.pending = []
    for (const { timer, done } of unanswered) {
      this.runtime.timers.clearTimer(timer)
      done(null)
    }
    this.onDown()
    this.runtime.timers.setTimer(() => this.connect(), this.backoffMs)
  }

  request<Q extends Message, S extends Message>(
    request: Q,
    response: S,
    version: number,
    body: InputOf<Q>,
    timeoutMs: number,
    done: (body: MessageOf<S> | null) => void,
  ): void {
    if (this.socket === null || !this.isUp) throw new Error('a request on a link that is down')
    const correlationId = this.nextCorrelationId++
    const timer = this.runtime.timers.setTimer(() => this.drop(), timeoutMs)
    this.pending.push({ correlationId, response, version, timer, done: done as (body: unknown) => void })
    this.socket.write(encodeRequest(request as Message, version, correlationId, this.name, body))
  }

  /** For acks=0, which has no answer. */
  sendOnly<Q extends Message>(request: Q, version: number, body: InputOf<Q>): void {
    this.socket?.write(encodeRequest(request as Message, version, this.nextCorrelationId++, this.name, body))
  }

  private onFrame(frame: Buffer): void {
    const { checks } = this.world
    const pending = this.pending.shift()
    checks.met('NW')
    if (pending === undefined) {
      checks.fail('NW', `${this.name} has asked nothing`, `a frame of ${frame.length} bytes came`)
      return
    }
    this.runtime.timers.clearTimer(pending.timer)
    let body: unknown
    try {
      const { correlationId, reader } = decodeResponseHeader(frame, pending.response, pending.version)
      if (correlationId !== pending.correlationId)
        checks.fail('NW', `${this.name} waits for answer ${pending.correlationId}`, `${correlationId} came`)
      body = pending.response.read(reader, pending.version)
      reader.finish()
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      checks.fail('NW', `${pending.response.name} version ${pending.version} is well-formed`, error.message)
    }
    pending.done(body)
  }
}
