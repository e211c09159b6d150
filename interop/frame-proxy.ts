/** A TCP proxy that understands frames, and can cut a connection at a request: mostly one that was done but not answered. */
import { connect, createServer, type Server, type Socket } from 'node:net'

const produceKey = 0

/** Splits a stream into frames, their length included. */
class Frames {
  #pending: Buffer[] = []
  #bytes = 0

  push(chunk: Buffer): Buffer[] {
    this.#pending.push(chunk)
    this.#bytes += chunk.length
    const frames: Buffer[] = []
    while (this.#bytes >= 4) {
      if (this.#pending[0]!.length < 4) this.#pending = [Buffer.concat(this.#pending)]
      const size = 4 + this.#pending[0]!.readInt32BE(0)
      if (this.#bytes < size) break
      const whole = Buffer.concat(this.#pending)
      frames.push(whole.subarray(0, size))
      this.#pending = [whole.subarray(size)]
      this.#bytes -= size
    }
    return frames
  }
}

/**
 * When to cut: at the next request of the API (default Produce), which does not reach the broker; instead of the answer to
 * it; or once `appended` says it is in the log.
 */
export type Cut =
  | { at: 'request' | 'response'; apiKey?: number }
  | { at: 'append'; apiKey?: undefined; appended: () => Promise<void> }

export class FrameProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #upstreamPort: () => number
  #cut: Cut | undefined
  #onCut = () => {}

  private constructor(server: Server, upstreamPort: () => number) {
    this.#server = server
    this.#upstreamPort = upstreamPort
    server.on('connection', (client) => this.#connection(client))
  }

  /** Listens on a free port of 127.0.0.1. */
  static async listen(upstreamPort: () => number): Promise<FrameProxy> {
    const server = createServer()
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    return new FrameProxy(server, upstreamPort)
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  /** Cuts one connection, once. The promise resolves after the cut. */
  arm(cut: Cut): Promise<void> {
    this.#cut = cut
    return new Promise((resolve) => {
      this.#onCut = resolve
    })
  }

  disarm(): void {
    this.#cut = undefined
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #connection(client: Socket): void {
    const broker = connect(this.#upstreamPort(), '127.0.0.1')
    const close = () => {
      client.destroy()
      broker.destroy()
      this.#sockets.delete(client)
      this.#sockets.delete(broker)
    }
    for (const socket of [client, broker]) {
      socket.setNoDelay(true)
      socket.on('error', close)
      socket.on('close', close)
      this.#sockets.add(socket)
    }
    const requests = new Frames()
    const responses = new Frames()
    /** For each request under way: whether its answer is the one to lose. */
    const underWay: boolean[] = []
    const cutNow = () => {
      close()
      this.#onCut()
    }
    client.on('data', (chunk: Buffer) => {
      for (const frame of requests.push(chunk)) {
        const met = this.#cut !== undefined && frame.readInt16BE(4) === (this.#cut.apiKey ?? produceKey)
        const cut = met ? this.#cut : undefined
        if (cut !== undefined) this.#cut = undefined
        if (cut?.at === 'request') return cutNow()
        broker.write(frame)
        if (cut?.at === 'append') cut.appended().then(cutNow, cutNow)
        // A Produce request that is cut at its append has acks=0 and gets no answer; no other one is sent with acks=0
        // while the proxy is armed for answers.
        else underWay.push(cut !== undefined)
      }
    })
    broker.on('data', (chunk: Buffer) => {
      for (const frame of responses.push(chunk)) {
        if (underWay.shift()) return cutNow()
        client.write(frame)
      }
    })
  }
}
