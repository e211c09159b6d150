import { connect, type Socket } from 'node:net'
import { FrameAssembler } from '@ottla/net'
import { decodeResponseHeader, encodeRequest, type InputOf, type Message, type MessageOf } from '@ottla/protocol'

/** A client without any cleverness: what a test sends is what goes out, in one write. */
export class RawClient {
  readonly #socket: Socket
  readonly #frames: Buffer[] = []
  readonly #waiting: ((frame: Buffer | null) => void)[] = []
  #ended = false
  #nextCorrelationId = 1
  /** Resolves when the broker has closed the connection. */
  readonly closed: Promise<void>

  static connect(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => resolve(new RawClient(socket)))
    })
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    const assembler = new FrameAssembler({
      onFrame: (frame) => {
        const waiting = this.#waiting.shift()
        if (waiting === undefined) this.#frames.push(frame)
        else waiting(frame)
        return true
      },
      onError: (error) => socket.destroy(error),
    })
    socket.on('data', (chunk: Buffer) => assembler.push(chunk))
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#ended = true
        for (const waiting of this.#waiting.splice(0)) waiting(null)
        resolve()
      })
    })
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** Sends a request without waiting; `receive` takes the answers in order. Returns its correlation id. */
  send<Q extends Message>(message: Q, version: number, body: InputOf<Q>): number {
    const correlationId = this.#nextCorrelationId++
    this.#socket.write(Buffer.concat(encodeRequest(message, version, correlationId, 'raw', body)))
    return correlationId
  }

  /** The next frame, or `null` when the connection ended instead. */
  receiveFrame(): Promise<Buffer | null> {
    const ready = this.#frames.shift()
    if (ready !== undefined) return Promise.resolve(ready)
    if (this.#ended) return Promise.resolve(null)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async receive<S extends Message>(
    message: S,
    version: number,
  ): Promise<{ correlationId: number; body: MessageOf<S> }> {
    const frame = await this.receiveFrame()
    if (frame === null) throw new Error('the broker closed the connection')
    const { correlationId, reader } = decodeResponseHeader(frame, message, version)
    const body = message.read(reader, version) as MessageOf<S>
    reader.finish()
    return { correlationId, body }
  }

  async call<Q extends Message, S extends Message>(
    request: Q,
    response: S,
    version: number,
    body: InputOf<Q>,
  ): Promise<MessageOf<S>> {
    this.send(request, version, body)
    return (await this.receive(response, version)).body
  }

  /** Bytes that the kernel has not taken: the broker does not read them. */
  get unsentBytes(): number {
    return this.#socket.writableLength
  }

  /** Takes nothing off the socket: a slow reader. */
  stopReading(): void {
    this.#socket.pause()
  }

  /** Sends what is pending, and then that there is no more. */
  end(): void {
    this.#socket.end()
  }

  close(): void {
    this.#socket.destroy()
  }
}
