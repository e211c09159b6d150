import type { FileRange } from '../ports/file-system.ts'
import type { ConnectOptions, Socket, SocketHandlers } from '../ports/network.ts'
import type { SimHost, SimNetwork } from './network.ts'
import type { SimEvent } from './scheduler.ts'

const connectTimeoutMsDefault = 10_000

/** As the Node implementation does after its own end was sent. */
const lingerMs = 1_000

function connectionError(code: string, connection: SimConnection): NodeJS.ErrnoException {
  const { client, serverHost, port } = connection
  const error: NodeJS.ErrnoException = new Error(`${code}: ${client.host.name} to ${serverHost.name}:${port}`)
  error.code = code
  return error
}

/**
 * One direction of a connection. What is handed to it arrives in order, one thing per arrival event, however the
 * delays fall.
 */
class Pipe {
  readonly #network: SimNetwork
  readonly #id: number
  readonly #from: SimHost
  readonly #to: SimHost
  readonly #queue: (() => void)[] = []
  /** Nothing arrives any more, and no one is told. */
  blackHole = false

  constructor(network: SimNetwork, id: number, from: SimHost, to: SimHost) {
    this.#network = network
    this.#id = id
    this.#from = from
    this.#to = to
  }

  send(kind: string, arrive: () => void): void {
    if (this.blackHole) return
    this.#queue.push(arrive)
    this.#network.transmit(this.#from, this.#to, kind, this.#id, () => {
      const next = this.#queue.shift()
      if (!this.blackHole) next?.()
    })
  }
}

/** A connection as the network sees it: two sockets, or one while it is being made. */
export class SimConnection {
  readonly id: number
  readonly network: SimNetwork
  readonly client: SimSocket
  readonly serverHost: SimHost
  readonly port: number
  server: SimSocket | undefined
  readonly #target: string
  readonly #toServer: Pipe
  readonly #toClient: Pipe
  #timeout: SimEvent | undefined
  readonly #timeoutMs: number

  constructor(
    network: SimNetwork,
    id: number,
    from: SimHost,
    to: SimHost,
    target: string,
    options: ConnectOptions,
    handlers: SocketHandlers,
  ) {
    this.network = network
    this.id = id
    this.serverHost = to
    this.port = options.port
    this.#target = target
    this.#timeoutMs = options.connectTimeoutMs ?? connectTimeoutMsDefault
    this.#toServer = new Pipe(network, id, from, to)
    this.#toClient = new Pipe(network, id, to, from)
    const address = from === to ? '127.0.0.1' : to.address
    this.client = new SimSocket(this, from, this.#toServer, from.allocatePort(), address, options.port, false)
    this.client.handle(handlers)
  }

  open(): void {
    const { scheduler } = this.network
    this.#timeout = scheduler.schedule(this.#timeoutMs, 'net/connect-timeout', this.id, 0, () => {
      this.client.fail(connectionError('ETIMEDOUT', this))
    })
    this.#toServer.send('net/syn', () => this.#accept())
  }

  #accept(): void {
    const accepting = this.serverHost.acceptorFor(this.#target, this.port)
    if (accepting === undefined) {
      this.#toClient.send('net/refused', () => this.client.fail(connectionError('ECONNREFUSED', this)))
      return
    }
    const { client, serverHost } = this
    const address = client.host === serverHost ? '127.0.0.1' : client.host.address
    this.server = new SimSocket(this, serverHost, this.#toClient, this.port, address, client.localPort, true)
    this.#toClient.send('net/syn-ack', () => client.established())
    accepting.onConnection(this.server)
  }

  /** The connection is made or given up: no timeout any more. */
  decided(): void {
    if (this.#timeout !== undefined) this.network.scheduler.cancel(this.#timeout)
  }

  /** The client stops asking: a request still on its way makes no connection. */
  abandon(): void {
    if (this.server === undefined) this.#toServer.blackHole = true
  }

  peerOf(socket: SimSocket): SimSocket | undefined {
    return socket === this.client ? this.server : this.client
  }

  /** Both sides see `ECONNRESET`, as when a box in between has forgotten the connection. */
  reset(): void {
    this.network.scheduler.note('net/reset', this.id)
    this.client.fail(connectionError('ECONNRESET', this))
    this.server?.fail(connectionError('ECONNRESET', this))
  }

  /** From now on nothing arrives on either side and no one is told: a half-open connection. */
  blackHole(): void {
    this.network.scheduler.note('net/black-hole', this.id)
    this.#toServer.blackHole = true
    this.#toClient.blackHole = true
  }

  closed(): void {
    if (this.client.isClosed && (this.server === undefined || this.server.isClosed)) this.network.forget(this)
  }
}

/**
 * connecting ──established──▶ open ──end / peer's end──▶ ending ──both ends, or linger──▶ closed
 *      └───────────── fail, destroy, peer's reset ─────────────────────────────────────────┘
 */
type State = 'connecting' | 'open' | 'ending' | 'closed'

export class SimSocket implements Socket {
  readonly connection: SimConnection
  readonly host: SimHost
  readonly localPort: number
  readonly remoteAddress: string
  readonly remotePort: number
  readonly #out: Pipe
  #state: State
  #handlers: SocketHandlers | undefined

  /** Handed to `write`, not yet taken by the kernel. */
  readonly #pending: Uint8Array[] = []
  #pendingBytes = 0
  /** Taken by the kernels and not yet read by the peer. */
  #kernelBytes = 0
  #drainOwed = false
  #finSent = false
  #finReceived = false
  #endTold = false

  readonly #received: Buffer[] = []
  #paused = false
  #readScheduled = false

  constructor(
    connection: SimConnection,
    host: SimHost,
    out: Pipe,
    localPort: number,
    remoteAddress: string,
    remotePort: number,
    established: boolean,
  ) {
    this.connection = connection
    this.host = host
    this.#out = out
    this.localPort = localPort
    this.remoteAddress = remoteAddress
    this.remotePort = remotePort
    this.#state = established ? 'open' : 'connecting'
    host.sockets.add(this)
  }

  get #network(): SimNetwork {
    return this.connection.network
  }

  get #peer(): SimSocket | undefined {
    return this.connection.peerOf(this)
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }

  handle(handlers: SocketHandlers): void {
    if (this.#handlers !== undefined) throw new Error('the socket has its handlers already')
    this.#handlers = handlers
  }

  established(): void {
    if (this.#state !== 'connecting' && this.#state !== 'ending') return
    this.connection.decided()
    if (this.#state === 'connecting') this.#state = 'open'
    this.#handlers?.onConnect?.()
    this.#pump()
  }

  write(chunks: readonly (Uint8Array | FileRange)[]): boolean {
    if (this.#state !== 'connecting' && this.#state !== 'open') return !this.#drainOwed
    for (const chunk of chunks) {
      if (!(chunk instanceof Uint8Array)) throw new Error('simulated files have no ranges to send')
      if (chunk.length === 0) continue
      this.#pending.push(chunk)
      this.#pendingBytes += chunk.length
    }
    if (this.#state === 'open') this.#pump()
    if (this.#pendingBytes > 0) this.#drainOwed = true
    return !this.#drainOwed
  }

  /** Moves what the kernels have room for into the network, in cut or whole runs. */
  #pump(): void {
    const { profile, random } = this.#network
    while (this.#pendingBytes > 0 && this.#kernelBytes < profile.bufferBytes) {
      let length = Math.min(this.#pendingBytes, profile.bufferBytes - this.#kernelBytes)
      if (length > 1 && random.chance(profile.cutProbability)) length = 1 + random.below(length - 1)
      const run = this.#take(length)
      this.#kernelBytes += length
      this.#out.send('net/data', () => this.#peer?.arrived(run))
    }
    if (this.#pendingBytes > 0) return
    if (this.#state === 'ending' && !this.#finSent) this.#sendFin()
    if (this.#drainOwed) {
      // Told in an event of its own: the caller may be inside `write`.
      this.#network.scheduler.schedule(0, 'net/drain', this.connection.id, this.host.id, () => this.#drained())
    }
  }

  #drained(): void {
    if (!this.#drainOwed || this.#pendingBytes > 0 || this.#state === 'closed') return
    this.#drainOwed = false
    this.#handlers?.onDrain?.()
  }

  /** A copy of the first `length` pending bytes: from here on the sender may reuse its memory. */
  #take(length: number): Buffer {
    const run = Buffer.alloc(length)
    let at = 0
    while (at < length) {
      const head = this.#pending[0]
      const step = Math.min(head.length, length - at)
      run.set(step === head.length ? head : head.subarray(0, step), at)
      at += step
      if (step === head.length) this.#pending.shift()
      else this.#pending[0] = head.subarray(step)
    }
    this.#pendingBytes -= length
    return run
  }

  arrived(run: Buffer): void {
    if (this.#state === 'closed') {
      // No one is here any more: TCP answers with a reset.
      this.#out.send('net/rst', () => this.#peer?.wasReset())
      return
    }
    this.#received.push(run)
    const { profile, random } = this.#network
    if (random.chance(profile.mergeProbability)) this.#scheduleRead(random.between(0, 1))
    else this.#read()
  }

  #scheduleRead(delayMs: number): void {
    if (this.#readScheduled) return
    this.#readScheduled = true
    this.#network.scheduler.schedule(delayMs, 'net/read', this.connection.id, this.host.id, () => {
      this.#readScheduled = false
      this.#read()
    })
  }

  /** Hands over all that has arrived as one chunk, then, if it was the last, the end. */
  #read(): void {
    if (this.#state === 'closed' || this.#handlers === undefined) return
    if (this.#paused && this.#state !== 'ending') return
    const runs = this.#received.splice(0)
    if (runs.length > 0) {
      const chunk = runs.length === 1 ? runs[0] : Buffer.concat(runs)
      this.#peer?.wasRead(chunk.length)
      if (this.#state !== 'ending') this.#handlers.onData(chunk)
      // The end is an event of its own, as it is for a real event loop.
      if (this.#finReceived) this.#scheduleRead(0)
      return
    }
    if (this.#finReceived && !this.#endTold) this.#peerEnded()
  }

  /** The peer took `length` bytes, so that much room is free; bytes that wait here learn it after a link's delay. */
  wasRead(length: number): void {
    this.#kernelBytes -= length
    if (this.#pendingBytes === 0 || this.#state === 'closed') return
    const peer = this.#peer
    if (peer === undefined) return
    this.#network.transmit(peer.host, this.host, 'net/window', this.connection.id, () => {
      if (this.#state === 'open' || this.#state === 'ending') this.#pump()
    })
  }

  finArrived(): void {
    if (this.#state === 'closed') return
    this.#finReceived = true
    this.#read()
  }

  #peerEnded(): void {
    this.#endTold = true
    if (this.#state === 'ending') {
      if (this.#finSent) this.#close(null)
      return
    }
    this.#handlers?.onEnd?.()
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#pump()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#scheduleRead(0)
  }

  end(): void {
    if (this.#state === 'closed' || this.#state === 'ending') return
    const wasOpen = this.#state === 'open'
    this.#state = 'ending'
    this.#scheduleRead(0)
    if (wasOpen) this.#pump()
  }

  #sendFin(): void {
    this.#finSent = true
    this.#out.send('net/fin', () => this.#peer?.finArrived())
    if (this.#endTold) this.#close(null)
    else {
      this.#network.scheduler.schedule(lingerMs, 'net/linger', this.connection.id, this.host.id, () =>
        this.#close(null),
      )
    }
  }

  destroy(error?: Error): void {
    if (this.#state === 'closed') return
    this.#tellPeer()
    this.#close(error ?? null)
  }

  /** What a kernel sends when it closes a socket: a reset when something was left unread, else an end. */
  #tellPeer(): void {
    if (this.#received.length > 0) this.#out.send('net/rst', () => this.#peer?.wasReset())
    else if (!this.#finSent) this.#out.send('net/fin', () => this.#peer?.finArrived())
  }

  wasReset(): void {
    this.fail(connectionError('ECONNRESET', this.connection))
  }

  /** Closes this side alone, with an error. */
  fail(error: Error): void {
    if (this.#state === 'connecting') this.connection.abandon()
    this.#close(error)
  }

  /** The process died and its kernel cleans up: the peer is told, the handlers are not. */
  orphan(): void {
    this.#handlers = undefined
    if (this.#state !== 'closed') this.#tellPeer()
    this.#close(null)
    this.host.sockets.delete(this)
  }

  /** The machine died: no one is told. */
  vanish(): void {
    this.#handlers = undefined
    this.#close(null)
    this.host.sockets.delete(this)
  }

  #close(error: Error | null): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    // Where the server goes and nothing of that arrives, the client still waits, for as long as it has patience.
    if (this === this.connection.client) this.connection.decided()
    this.#pending.length = 0
    this.#pendingBytes = 0
    this.#received.length = 0
    this.connection.closed()
    this.#network.scheduler.schedule(0, 'net/close', this.connection.id, this.host.id, () => {
      this.host.sockets.delete(this)
      // None when the process has died meanwhile.
      this.#handlers?.onClose(error)
    })
  }
}
