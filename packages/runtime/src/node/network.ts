import net from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { FileRange } from '../ports/file-system.ts'
import type {
  ConnectOptions,
  Listener,
  ListenOptions,
  Network,
  Socket,
  SocketHandlers,
  TlsOptions,
} from '../ports/network.ts'
import { NodeFile } from './file-system.ts'
import { realClearTimeout, realSetImmediate, realSetTimeout } from './globals.ts'
import { zeroCopy } from './zero-copy.ts'

const connectTimeoutMsDefault = 10_000
const backlogDefault = 511

/** After our end is sent and everything has left, how long the peer may take to close its side. */
const lingerMs = 1_000

/** How long pending bytes may take to leave once either side has asked for the end. */
const flushMsMax = 30_000

/** What of a file is copied when the kernel takes no more of it: its leaving tells that there is room again. */
const copiedPieceBytes = 64 * 1024

/** Up to this many bytes, chunks that leave together are copied into one. */
const joinedBytesMax = 4000

/** What is sent of files in one turn of the event loop. */
const rangeBytesPerTurn = 4 * 1024 * 1024

/**
 * What is read of one connection before the others, and the work that its bytes made, have their turn. Node itself goes
 * on for as long as there is more: five frames of 1 MiB were read before the first was written.
 */
const readBytesPerTurn = 512 * 1024

/** What `net.Socket` needs to read into memory of the receiver's. */
interface ReadInPlace {
  readonly buffer: () => Uint8Array
  readonly callback: (bytes: number, buffer: Uint8Array) => boolean
}

/**
 * A socket over an accepted connection's handle that reads in place. `onread` is documented for sockets that connect;
 * for accepted ones Node has no way to ask for it, so the handle moves to a socket of our own making. `null` where it
 * cannot: the bytes then come in buffers of Node's.
 */
function adoptHandle(accepted: net.Socket, onread: ReadInPlace): net.Socket | null {
  const owner = accepted as unknown as { _handle: { useUserBuffer?: unknown } | null }
  const handle = owner._handle
  if (typeof handle?.useUserBuffer !== 'function') return null
  owner._handle = null
  // Half open, so that its end waits for its turn.
  return new net.Socket({ handle, onread, allowHalfOpen: true, manualStart: true } as object)
}

function areInMemory(chunks: readonly (Uint8Array | FileRange)[]): chunks is readonly Uint8Array[] {
  for (let i = 0; i < chunks.length; i++) if (!(chunks[i] instanceof Uint8Array)) return false
  return true
}

/** Many small answers in one piece, which costs less than to hand them over one by one; null where they are too large. */
function joinedIfSmall(chunks: readonly Uint8Array[]): Uint8Array | null {
  let bytes = 0
  for (let i = 0; i < chunks.length; i++) bytes += chunks[i].length
  if (bytes > joinedBytesMax) return null
  // A part of Node's own pool, as `joinedBytesMax` is below half of that.
  const joined = Buffer.allocUnsafe(bytes)
  let at = 0
  for (let i = 0; i < chunks.length; i++) {
    joined.set(chunks[i], at)
    at += chunks[i].length
  }
  return joined
}

function readInPlace(handlers: SocketHandlers, onData: (chunk: Buffer) => void): ReadInPlace | null {
  if (handlers.readBuffer === undefined) return null
  return {
    buffer: () => handlers.readBuffer!(),
    callback: (bytes, buffer) => {
      onData((buffer as Buffer).subarray(0, bytes))
      return true
    },
  }
}

/**
 * Sockets that are closed in one turn of the event loop because their peers have ended, some 25 µs each: a whole crowd
 * may leave in the same instant.
 */
const endsPerTurn = 256

/** Sockets that wait for that. Each is in here once at most; what goes beyond is closed at once. */
const endsWaitingMax = 65_536

const endsWaiting: net.Socket[] = []

function endSoon(socket: net.Socket): void {
  if (endsWaiting.length >= endsWaitingMax) {
    socket.end()
    return
  }
  endsWaiting.push(socket)
  if (endsWaiting.length === 1) realSetImmediate(endSome)
}

function endSome(): void {
  const due = endsWaiting.splice(0, endsPerTurn)
  if (endsWaiting.length > 0) realSetImmediate(endSome)
  for (const socket of due) if (!socket.destroyed) socket.end()
}

class NodeSocket implements Socket {
  #socket: net.Socket
  readonly #accepted: boolean
  readonly #isSecure: boolean
  #handlers: SocketHandlers | undefined
  #error: Error | null = null
  #timer: NodeJS.Timeout | undefined
  /** `write` has returned false and `onDrain` is owed. */
  #blocked = false
  #ending = false
  #paused = false
  /** Bytes read since reading last waited for a turn. */
  #readBytes = 0
  /** Reading goes on in a later turn. */
  #readingYielded = false
  /** What waits behind a range of a file, that range first. */
  #queue: (Uint8Array | FileRange)[] = []
  /** Bytes of the queue that have not left. */
  #queuedBytes = 0
  /** Bytes of the first range that have. */
  #rangeSent = 0
  /** A piece of the first range is being read. */
  #copying = false
  /** The queue goes on in a later turn. */
  #yielded = false
  /** The socket closed while a piece was being read. */
  #closedMeanwhile = false
  readonly #onWritten: () => void

  /** `accepted`: by a server, and paused until `handle`. `isSecure`: it is Node's TLS, which reads into memory of its own. */
  constructor(socket: net.Socket, accepted: boolean, isSecure = false) {
    this.#isSecure = isSecure
    this.#socket = socket
    this.#accepted = accepted
    this.#onWritten = () => {
      if (this.#queue.length > 0) this.#pump()
      if (!this.#blocked || this.#queue.length > 0 || this.#socket.writableLength > 0 || this.#socket.destroyed) return
      this.#blocked = false
      this.#handlers?.onDrain?.()
    }
    this.#listen(socket)
  }

  /** From the first moment: an `error` event without a listener would end the process. */
  #listen(socket: net.Socket): void {
    socket.on('error', (error) => {
      this.#error ??= error
    })
    socket.on('close', () => {
      realClearTimeout(this.#timer)
      this.#queue = []
      this.#queuedBytes = 0
      // The file must not be let go of while it is being read.
      if (this.#copying) this.#closedMeanwhile = true
      else this.#handlers?.onClose(this.#error)
    })
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? ''
  }

  get remotePort(): number {
    return this.#socket.remotePort ?? 0
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0
  }

  get pendingBytes(): number {
    return this.#socket.writableLength + this.#queuedBytes
  }

  handle(handlers: SocketHandlers): void {
    if (this.#handlers !== undefined) throw new Error('the socket has its handlers already')
    this.#handlers = handlers
    if (!this.#readInPlace(handlers)) {
      this.#socket.on('data', (chunk: Buffer) => this.received(chunk))
    }
    const socket = this.#socket
    socket.on('end', () => {
      if (!this.#ending) handlers.onEnd?.()
      if (socket.destroyed) return
      this.#closeWithin(flushMsMax)
      // Where our end was asked for, it is sent behind what still has to leave.
      if (!this.#ending && socket.allowHalfOpen) endSoon(socket)
    })
    if (this.#accepted) socket.resume()
  }

  received(chunk: Buffer): void {
    if (this.#ending) return
    this.#handlers!.onData(chunk)
    this.#readBytes += chunk.length
    if (this.#readBytes >= readBytesPerTurn && !this.#paused && !this.#readingYielded) this.#yieldReading()
  }

  #yieldReading(): void {
    this.#readBytes = 0
    this.#readingYielded = true
    this.#socket.pause()
    realSetImmediate(() => {
      this.#readingYielded = false
      if (!this.#paused) this.#socket.resume()
    })
  }

  /** Whether the bytes will come through `onread`. */
  #readInPlace(handlers: SocketHandlers): boolean {
    if (!this.#accepted) return handlers.readBuffer !== undefined && !this.#isSecure
    const onread = readInPlace(handlers, (chunk) => this.received(chunk))
    if (onread === null) return false
    const adopted = adoptHandle(this.#socket, onread)
    if (adopted === null) return false
    this.#socket = adopted
    this.#listen(adopted)
    return true
  }

  /** For `connect`: reports the connection, or gives up on it after `timeoutMs`. */
  awaitConnect(timeoutMs: number, target: string): void {
    const socket = this.#socket
    this.#timer = realSetTimeout(() => {
      const error: NodeJS.ErrnoException = new Error(`ETIMEDOUT: no connection to ${target} within ${timeoutMs} ms`)
      error.code = 'ETIMEDOUT'
      socket.destroy(error)
    }, timeoutMs)
    socket.once(this.#isSecure ? 'secureConnect' : 'connect', () => {
      if (!this.#ending) realClearTimeout(this.#timer)
      this.#handlers?.onConnect?.()
    })
  }

  write(chunks: readonly (Uint8Array | FileRange)[]): boolean {
    if (this.#ending || chunks.length === 0 || !this.#socket.writable) return !this.#blocked
    if (this.#queue.length === 0 && areInMemory(chunks)) {
      this.#writeBuffers(chunks)
    } else {
      for (let i = 0; i < chunks.length; i++) {
        this.#queue.push(chunks[i])
        this.#queuedBytes += chunks[i].length
      }
      this.#pump()
    }
    if (this.pendingBytes === 0) return true
    this.#blocked = true
    return false
  }

  #writeBuffers(chunks: readonly Uint8Array[]): void {
    const socket = this.#socket
    const last = chunks.length - 1
    const joined = last === 0 ? chunks[0] : joinedIfSmall(chunks)
    if (joined !== null) {
      socket.write(joined, this.#onWritten)
    } else {
      socket.cork()
      for (let i = 0; i < last; i++) socket.write(chunks[i])
      socket.write(chunks[last], this.#onWritten)
      socket.uncork()
    }
  }

  /** Sends what is queued until the kernel takes no more; what it took last calls back when there is room. */
  #pump(): void {
    const socket = this.#socket
    const queue = this.#queue
    let budget = rangeBytesPerTurn
    while (queue.length > 0 && !this.#copying && !this.#yielded && !socket.destroyed) {
      const first = queue[0]
      if (first instanceof Uint8Array) {
        let count = 1
        while (count < queue.length && queue[count] instanceof Uint8Array) count++
        const buffers = queue.splice(0, count) as Uint8Array[]
        for (let i = 0; i < count; i++) this.#queuedBytes -= buffers[i].length
        this.#writeBuffers(buffers)
        continue
      }
      // Only behind what has left for the kernel.
      if (socket.writableLength > 0) return
      if (budget <= 0) {
        this.#yielded = true
        realSetImmediate(() => {
          this.#yielded = false
          this.#onWritten()
        })
        return
      }
      const sent = this.#sendRange(first)
      if (sent === 0) {
        this.#copyPiece(first)
        return
      }
      budget -= sent
      this.#rangeLeft(first, sent)
    }
    if (queue.length === 0 && this.#ending && !socket.destroyed) this.#endSocket()
  }

  /** Inside the kernel; 0 where that cannot be, or not now. */
  #sendRange(range: FileRange): number {
    const descriptor = (this.#socket as unknown as { _handle: { fd?: number } | null })._handle?.fd ?? -1
    if (descriptor < 0 || !(range.file instanceof NodeFile)) return 0
    const at = range.position + this.#rangeSent
    return zeroCopy()?.send(descriptor, range.file.descriptor, at, range.length - this.#rangeSent) ?? 0
  }

  #copyPiece(range: FileRange): void {
    const piece = Buffer.allocUnsafeSlow(Math.min(copiedPieceBytes, range.length - this.#rangeSent))
    this.#copying = true
    range.file.read(piece, 0, piece.length, range.position + this.#rangeSent, (error, count) => {
      this.#copying = false
      if (this.#closedMeanwhile) {
        this.#handlers?.onClose(this.#error)
      } else if (error !== null || count === 0) {
        this.#socket.destroy(error ?? new Error(`${range.file.path} ends before the part that is to be sent`))
      } else {
        this.#rangeLeft(range, count)
        this.#socket.write(piece.subarray(0, count), this.#onWritten)
        this.#pump()
      }
    })
  }

  #rangeLeft(range: FileRange, bytes: number): void {
    this.#queuedBytes -= bytes
    this.#rangeSent += bytes
    if (this.#rangeSent < range.length) return
    this.#rangeSent = 0
    this.#queue.shift()
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#paused = false
    if (!this.#readingYielded) this.#socket.resume()
  }

  end(): void {
    if (this.#ending || this.#socket.destroyed) return
    this.#ending = true
    this.#closeWithin(flushMsMax)
    if (this.#queue.length === 0) this.#endSocket()
    // What still arrives is read and dropped: closing with unread input would reset the connection, and the reset
    // could overtake the bytes sent last.
    this.resume()
  }

  #endSocket(): void {
    this.#socket.end(() => {
      if (!this.#socket.destroyed) this.#closeWithin(lingerMs)
    })
  }

  #closeWithin(ms: number): void {
    realClearTimeout(this.#timer)
    this.#timer = realSetTimeout(() => this.#socket.destroy(), ms)
    this.#timer.unref()
  }

  destroy(error?: Error): void {
    this.#socket.destroy(error)
  }
}

class NodeListener implements Listener {
  readonly host: string
  readonly port: number
  readonly #server: net.Server

  constructor(server: net.Server) {
    const address = server.address() as net.AddressInfo
    this.host = address.address
    this.port = address.port
    this.#server = server
  }

  /**
   * The listening descriptor is closed inside `close`, but the server's own callback waits for every accepted
   * connection, which is not what the port promises.
   */
  close(): Promise<void> {
    if (this.#server.listening) this.#server.close()
    return new Promise((resolve) => realSetImmediate(resolve))
  }
}

export const nodeNetwork: Network = {
  listen(options: ListenOptions, onConnection: (socket: Socket) => void): Promise<Listener> {
    return new Promise((resolve, reject) => {
      const server = net.createServer(
        { noDelay: true, keepAlive: true, allowHalfOpen: false, pauseOnConnect: true },
        (socket) => {
          onConnection(new NodeSocket(socket, true))
        },
      )
      server.once('error', reject)
      server.listen({ host: options.host, port: options.port, backlog: options.backlog ?? backlogDefault }, () => {
        server.off('error', reject)
        // A connection that could not be accepted (out of descriptors) must not end the process.
        server.on('error', (error) => options.onError?.(error))
        resolve(new NodeListener(server))
      })
    })
  },

  connect(options: ConnectOptions, handlers: SocketHandlers): Socket {
    if (options.tls !== undefined) return connectSecurely(options, options.tls, handlers)
    let wrapped: NodeSocket | undefined
    const onread = readInPlace(handlers, (chunk) => wrapped!.received(chunk))
    const socket = new net.Socket({
      allowHalfOpen: false,
      ...(onread === null ? {} : { onread }),
    } as net.SocketConstructorOpts)
    socket.setNoDelay(true)
    socket.setKeepAlive(true)
    wrapped = new NodeSocket(socket, false)
    wrapped.handle(handlers)
    wrapped.awaitConnect(options.connectTimeoutMs ?? connectTimeoutMsDefault, `${options.host}:${options.port}`)
    try {
      socket.connect({ host: options.host, port: options.port })
    } catch (error) {
      // A port out of range may come from a broker's answer, so it is a failure of the connection and no bug here.
      socket.destroy(error as Error)
    }
    return wrapped
  },
}

/** Node's TLS is loaded for those who ask for it. */
function connectSecurely(options: ConnectOptions, tls: TlsOptions, handlers: SocketHandlers): Socket {
  const { connect } = process.getBuiltinModule('node:tls')
  const { host, port } = options
  const { servername = net.isIP(host) === 0 ? host : '', ca, ...others } = tls
  let socket: TLSSocket | net.Socket
  try {
    socket = connect({ host, port, servername, ...(ca === undefined ? {} : { ca: ca as string | Buffer }), ...others })
  } catch (error) {
    // A key that is none, or a port out of range.
    socket = new net.Socket()
    socket.destroy(error as Error)
  }
  socket.setNoDelay(true)
  socket.setKeepAlive(true)
  const wrapped = new NodeSocket(socket, false, true)
  wrapped.handle(handlers)
  wrapped.awaitConnect(options.connectTimeoutMs ?? connectTimeoutMsDefault, `${host}:${port}`)
  return wrapped
}
