import net from 'node:net'
import type { ConnectOptions, Listener, ListenOptions, Network, Socket, SocketHandlers } from '../ports/network.ts'
import { realClearTimeout, realSetImmediate, realSetTimeout } from './globals.ts'

const connectTimeoutMsDefault = 10_000
const backlogDefault = 511

/** After our end is sent and everything has left, how long the peer may take to close its side. */
const lingerMs = 1_000

/** How long pending bytes may take to leave once either side has asked for the end. */
const flushMsMax = 30_000

class NodeSocket implements Socket {
  readonly #socket: net.Socket
  #handlers: SocketHandlers | undefined
  #error: Error | null = null
  #timer: NodeJS.Timeout | undefined
  /** `write` has returned false and `onDrain` is owed. */
  #blocked = false
  #ending = false
  readonly #onWritten: () => void

  constructor(socket: net.Socket) {
    this.#socket = socket
    this.#onWritten = () => {
      if (!this.#blocked || this.#socket.writableLength > 0 || this.#socket.destroyed) return
      this.#blocked = false
      this.#handlers?.onDrain?.()
    }
    // Present from the first moment: an `error` event without a listener would end the process.
    socket.on('error', (error) => {
      this.#error ??= error
    })
    socket.on('close', () => {
      realClearTimeout(this.#timer)
      this.#handlers?.onClose(this.#error)
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
    return this.#socket.writableLength
  }

  handle(handlers: SocketHandlers): void {
    if (this.#handlers !== undefined) throw new Error('the socket has its handlers already')
    this.#handlers = handlers
    const socket = this.#socket
    socket.on('data', (chunk: Buffer) => {
      if (!this.#ending) handlers.onData(chunk)
    })
    socket.on('end', () => {
      if (!this.#ending) handlers.onEnd?.()
      if (!socket.destroyed) this.#closeWithin(flushMsMax)
    })
  }

  /** For `connect`: reports the connection, or gives up on it after `timeoutMs`. */
  awaitConnect(timeoutMs: number, target: string): void {
    const socket = this.#socket
    this.#timer = realSetTimeout(() => {
      const error: NodeJS.ErrnoException = new Error(`ETIMEDOUT: no connection to ${target} within ${timeoutMs} ms`)
      error.code = 'ETIMEDOUT'
      socket.destroy(error)
    }, timeoutMs)
    socket.once('connect', () => {
      if (!this.#ending) realClearTimeout(this.#timer)
      this.#handlers?.onConnect?.()
    })
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket
    const last = chunks.length - 1
    if (this.#ending || last < 0 || !socket.writable) return !this.#blocked
    if (last === 0) {
      socket.write(chunks[0], this.#onWritten)
    } else {
      socket.cork()
      for (let i = 0; i < last; i++) socket.write(chunks[i])
      socket.write(chunks[last], this.#onWritten)
      socket.uncork()
    }
    if (socket.writableLength === 0) return true
    this.#blocked = true
    return false
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    if (this.#ending || this.#socket.destroyed) return
    this.#ending = true
    this.#closeWithin(flushMsMax)
    this.#socket.end(() => {
      if (!this.#socket.destroyed) this.#closeWithin(lingerMs)
    })
    // What still arrives is read and dropped: closing with unread input would reset the connection, and the reset
    // could overtake the bytes sent last.
    this.#socket.resume()
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
      const server = net.createServer({ noDelay: true, keepAlive: true, allowHalfOpen: false }, (socket) => {
        onConnection(new NodeSocket(socket))
      })
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
    const socket = new net.Socket({ allowHalfOpen: false })
    socket.setNoDelay(true)
    socket.setKeepAlive(true)
    const wrapped = new NodeSocket(socket)
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
