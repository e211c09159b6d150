import type { FileRange } from './file-system.ts'

/** Byte streams between processes: TCP in production, simulated links under the simulator. */
export interface Network {
  /** Starts listening; resolves with the bound address (port 0 is replaced by the one given). Rejects with `EADDRINUSE`, `EACCES`, … */
  listen(options: ListenOptions, onConnection: (socket: Socket) => void): Promise<Listener>
  /** Begins a connection; success and failure arrive through the handlers. */
  connect(options: ConnectOptions, handlers: SocketHandlers): Socket
}

export interface ListenOptions {
  /** A literal address or a host name; `::` and `0.0.0.0` mean every address. */
  readonly host: string
  /** 0 asks for any free port. */
  readonly port: number
  /** Length of the queue of connections not yet accepted. Default 511. */
  readonly backlog?: number
  /** A connection could not be accepted (`EMFILE`, …); listening goes on. */
  readonly onError?: (error: Error) => void
}

export interface Listener {
  readonly host: string
  readonly port: number
  /** Stops accepting. Connections already made live on. Resolves once the port is free. */
  close(): Promise<void>
}

export interface ConnectOptions {
  readonly host: string
  readonly port: number
  /** Default 10 000 ms, TLS included; then the socket fails with `ETIMEDOUT`. */
  readonly connectTimeoutMs?: number
  /** Over TLS; the connection is made when both ends know each other. A simulated network has none. */
  readonly tls?: TlsOptions
}

/** Names and meanings are Node's; certificates and keys are PEM. */
export interface TlsOptions {
  /** Who may vouch for the peer, in place of those that the system trusts. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[]
  /** Our own certificate, with what leads to its root, for a peer that asks who we are. */
  readonly cert?: string | Buffer
  /** Of our own certificate. */
  readonly key?: string | Buffer
  /** Of the key. */
  readonly passphrase?: string
  /** The name that the peer's certificate must have. Default: the host that is connected to. */
  readonly servername?: string
  /** False: whoever it is, which protects from nobody who stands between. Default true. */
  readonly rejectUnauthorized?: boolean
}

export interface SocketHandlers {
  onConnect?(): void
  /**
   * Where the next bytes may be put, not empty; asked for before each read. What was put there comes with `onData` as a
   * view on it. An implementation that has its bytes already does not ask.
   */
  readBuffer?(): Buffer
  /** The bytes belong to the receiver from now on: no one else writes into this memory. */
  onData(chunk: Buffer): void
  /** Everything handed to `write` has left for the kernel; called only after `write` returned `false`. */
  onDrain?(): void
  /** The peer has finished sending. The socket is closed by the implementation right after. */
  onEnd?(): void
  /** Called exactly once, last; `error` is null after an orderly end. */
  onClose(error: Error | null): void
}

export interface Socket {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localPort: number
  /** For an accepted socket: must be called in the turn in which it was handed over. */
  handle(handlers: SocketHandlers): void
  /**
   * Sends the chunks, in order, as one gathered write. The memory must not change until it has left. A file that turns
   * out to be shorter, or cannot be read, ends the connection.
   * Returns `false` when the bytes wait in this process: stop until `onDrain`.
   */
  write(chunks: readonly (Uint8Array | FileRange)[]): boolean
  /** Bytes accepted by `write` that have not left for the kernel. */
  readonly pendingBytes: number
  /** Stops reading; the kernel's window then slows the peer. */
  pause(): void
  resume(): void
  /** Sends what is pending, then closes. */
  end(): void
  /** Closes at once; pending bytes are dropped. */
  destroy(error?: Error): void
}
