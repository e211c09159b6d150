import {
  ApiVersionsResponse,
  CodecError,
  decodeRequestHeader,
  ErrorCode,
  encodeResponse,
  type Message,
} from '@ottla/protocol'
import type { BufferPool, Clock, Logger } from '@ottla/runtime'
import type { Connection } from './connection.ts'
import type { Handler, RequestBody } from './handler.ts'
import type { Interceptor } from './interceptor.ts'
import { CLIENT_ID_LOGGED_CHARS, REQUEST_ELEMENTS_MAX } from './limits.ts'
import { Request } from './request.ts'
import type { TurnBudget } from './turn-budget.ts'

const API_VERSIONS_KEY = 18
/** apiKey, apiVersion, correlationId: what can be read before anything else is known. */
const FIXED_HEADER_BYTES = 8

export interface DispatcherDeps {
  readonly clock: Clock
  readonly logger: Logger
  /** By API key. */
  readonly handlers: ReadonlyMap<number, Handler>
  readonly interceptor: Interceptor | null
  readonly turns: TurnBudget
  /** Where the memory of frames comes from. */
  readonly pool: BufferPool
}

/** From a frame to a handler, and from whatever the handler did to one answer. */
export class Dispatcher {
  private readonly deps: DispatcherDeps
  private readonly table: (Handler | undefined)[] = []
  /** Closed by us while requests of theirs waited. */
  private readonly ended = new WeakSet<Connection>()

  constructor(deps: DispatcherDeps) {
    this.deps = deps
    for (const [key, handler] of deps.handlers) this.table[key] = handler
  }

  /** Reads the header. `null` when the connection was closed because of it. */
  accept(connection: Connection, frame: Buffer): Request | null {
    if (frame.length < FIXED_HEADER_BYTES) {
      connection.refuse(`a request of ${frame.length} bytes has no header`)
      return null
    }
    const apiKey = frame.readInt16BE(0)
    const apiVersion = frame.readInt16BE(2)
    const correlationId = frame.readInt32BE(4)
    const handler = this.table[apiKey]
    if (handler === undefined) {
      connection.refuse(`unknown or unsupported API key ${apiKey}`)
      return null
    }
    const received = this.deps.clock.monotonicMs()
    if (apiVersion < handler.minVersion || apiVersion > handler.maxVersion) {
      if (apiKey === API_VERSIONS_KEY) return new Request(connection, handler, -1, correlationId, null, frame, received)
      connection.refuse(`${handler.request.name} version ${apiVersion} is not supported`)
      return null
    }
    return new Request(connection, handler, apiVersion, correlationId, null, frame, received)
  }

  /** Decodes and handles, now or in a turn that follows. The request is in its connection's queue by now. */
  handle(request: Request, frame: Buffer): void {
    const { turns } = this.deps
    if (turns.isSpent) {
      this.handleLater(request, frame)
      return
    }
    this.decodeAndRun(request, frame)
    turns.worked(request.receivedMonotonicMs)
  }

  private handleLater(request: Request, frame: Buffer): void {
    const { pool, turns } = this.deps
    const { connection, handler } = request
    // The connection holds it only as long as it is open.
    pool.retain(request.memory)
    turns.wait(connection, () => {
      // Whoever has sent what needs no answer, and gone, counts on it all the same.
      const isWanted = !connection.closed || handler.isSilent !== undefined
      if (isWanted && !this.ended.has(connection)) this.decodeAndRun(request, frame)
      if (request.hasEndedConnection) this.ended.add(connection)
      pool.release(request.memory)
      return 'done'
    })
  }

  private decodeAndRun(request: Request, frame: Buffer): void {
    if (request.apiVersion < 0) {
      this.refuseApiVersions(request)
      return
    }
    let body: RequestBody
    let unsafe: boolean
    try {
      const message = request.handler.request as Message
      const header = decodeRequestHeader(frame, message, request.apiVersion)
      request.clientId = header.clientId
      header.reader.elementsMax = REQUEST_ELEMENTS_MAX
      body = message.read(header.reader, request.apiVersion)
      // Bytes behind the last field are ignored, as Apache Kafka does: librdkafka 2.16 sends some.
      unsafe = header.reader.unsafeInt64
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      const { name } = request.handler.request
      request.endConnection(`malformed ${name} version ${request.apiVersion}: ${error.message}`)
      return
    }
    request.onBug = (error) => this.bug(request, body, error)
    if (request.connection.closed && request.handler.isSilent?.(body) !== true) return
    if (unsafe) {
      request.refuse(body, ErrorCode.INVALID_REQUEST)
      return
    }
    const intercepted = this.deps.interceptor?.take(request, body)
    if (intercepted !== undefined) {
      try {
        intercepted.run(request, body, (changed) => this.run(request, changed))
      } catch (error) {
        this.bug(request, body, error)
      }
      return
    }
    this.run(request, body)
  }

  private run(request: Request, body: RequestBody): void {
    let reply: object | Promise<object> | undefined
    try {
      reply = request.handler.handle(request, body)
    } catch (error) {
      this.bug(request, body, error)
      return
    }
    if (reply === undefined) return
    if (reply instanceof Promise) {
      reply.then(
        (response) => this.respond(request, body, response),
        (error) => this.bug(request, body, error),
      )
      return
    }
    this.respond(request, body, reply)
  }

  private respond(request: Request, body: RequestBody, response: object): void {
    if (request.finished) return
    try {
      request.respond(response)
    } catch (error) {
      this.bug(request, body, error)
    }
  }

  /** An exception is a mistake of ours: the client gets UNKNOWN_SERVER_ERROR, the log gets the stack. */
  private bug(request: Request, body: RequestBody, error: unknown): void {
    const cause = error instanceof Error ? error : new Error(String(error))
    this.deps.logger.error(`bug while handling ${request.handler.request.name}`, {
      version: request.apiVersion,
      client: (request.clientId ?? '').slice(0, CLIENT_ID_LOGGED_CHARS),
      peer: request.connection.peer,
      error: cause.stack ?? cause.message,
    })
    if (request.connection.closed) return
    if (request.response !== null) {
      request.connection.destroy()
      return
    }
    request.finished = false
    try {
      request.refuse(body, ErrorCode.UNKNOWN_SERVER_ERROR)
    } catch {
      request.connection.destroy()
    }
  }

  /** KIP-511: told in version 0, with the range of ApiVersions itself, so that the client can ask again. */
  private refuseApiVersions(request: Request): void {
    const { minVersion, maxVersion } = request.handler
    request.respondWithFrame(
      encodeResponse(ApiVersionsResponse, 0, request.correlationId, {
        errorCode: ErrorCode.UNSUPPORTED_VERSION,
        apiKeys: [{ apiKey: API_VERSIONS_KEY, minVersion, maxVersion }],
      }),
    )
  }
}
