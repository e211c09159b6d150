import { connect, createServer, type Server, type Socket } from 'node:net'

export type Direction = 'request' | 'response'

export interface RecordedFrame {
  readonly direction: Direction
  readonly apiKey: number
  readonly apiVersion: number
  /** Without its length. */
  readonly bytes: Buffer
}

/** A response of an unsupported ApiVersions version comes in version 0, whatever was asked for. */
const API_VERSIONS = 18
const UNSUPPORTED_VERSION = 35

/** Stands between clients and a broker and keeps a copy of every frame. */
export class Recorder {
  readonly frames: RecordedFrame[] = []
  private readonly server: Server
  private readonly sockets = new Set<Socket>()
  private readonly upstreamPort: number

  private constructor(server: Server, upstreamPort: number) {
    this.server = server
    this.upstreamPort = upstreamPort
    server.on('connection', (client) => this.join(client))
  }

  static async listen(upstreamPort: number, port = 0): Promise<Recorder> {
    const server = createServer()
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
    return new Recorder(server, upstreamPort)
  }

  get port(): number {
    return (this.server.address() as { port: number }).port
  }

  /** The frames since the last call. */
  take(): RecordedFrame[] {
    return this.frames.splice(0)
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private join(client: Socket): void {
    const broker = connect(this.upstreamPort, '127.0.0.1')
    const asked = new Map<number, { apiKey: number; apiVersion: number }>()
    const requests = splitter((bytes) => {
      const frame = { apiKey: bytes.readInt16BE(0), apiVersion: bytes.readInt16BE(2) }
      asked.set(bytes.readInt32BE(4), frame)
      this.frames.push({ direction: 'request', ...frame, bytes })
    })
    const responses = splitter((bytes) => {
      const request = asked.get(bytes.readInt32BE(0))
      if (request === undefined) return
      const refused = request.apiKey === API_VERSIONS && bytes.readInt16BE(4) === UNSUPPORTED_VERSION
      this.frames.push({ direction: 'response', ...request, apiVersion: refused ? 0 : request.apiVersion, bytes })
    })
    relay(client, broker, requests)
    relay(broker, client, responses)
    for (const socket of [client, broker]) {
      this.sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        this.sockets.delete(socket)
        client.destroy()
        broker.destroy()
      })
    }
  }
}

function relay(from: Socket, to: Socket, see: (chunk: Buffer) => void): void {
  from.on('data', (chunk: Buffer) => {
    see(chunk)
    if (!to.destroyed) to.write(chunk)
  })
}

/** Cuts a stream into frames and hands them on without their lengths. */
function splitter(onFrame: (bytes: Buffer) => void): (chunk: Buffer) => void {
  let pending: Buffer = Buffer.alloc(0)
  return (chunk) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 4) {
      const end = 4 + pending.readInt32BE(0)
      if (pending.length < end) return
      onFrame(Buffer.from(pending.subarray(4, end)))
      pending = pending.subarray(end)
    }
  }
}
