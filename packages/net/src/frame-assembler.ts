import type { BufferPool } from '@ottla/runtime'

/**
 * Cuts a byte stream into Kafka's frames: an int32 size, then that many bytes (protocol guide, "Network").
 *
 * A frame that lies wholly inside one chunk is handed out as a view on the chunk. One that does not is gathered in a
 * buffer whose size follows the bytes that have arrived and not the size that was announced: `SMALL_FRAME_BYTES` at
 * first, then doubled. A connection that has carried a large frame before may ask for as much again at once, up to
 * `TRUSTED_BYTES_MAX`, so that a steady stream of large frames is copied once and not twice.
 *
 * A socket that asks `readBuffer` where to put its bytes spares even that copy: small frames come to lie one behind the
 * other in a block, and stay there, also when they arrive in pieces; what is still missing of a large one is read
 * straight into its buffer. Blocks are few and large where frames could come with a buffer each, which is what the
 * garbage collector feels.
 */

/** Bytes that any announcement may claim at once. */
export const SMALL_FRAME_BYTES: number = 64 * 1024
/** Bytes that an announcement may claim at once after a frame that large has arrived whole. */
export const TRUSTED_BYTES_MAX: number = 8 * 1024 * 1024
/** Size of a connection's first block; each further one is twice as large, up to `BLOCK_BYTES_MAX`. */
export const BLOCK_BYTES_MIN: number = 8 * 1024
export const BLOCK_BYTES_MAX: number = 512 * 1024
/** A frame of at least this size has a buffer of its own from the start, and blocks begin small again behind it. */
const LARGE_FRAME_BYTES = BLOCK_BYTES_MAX / 2
/** A new block is begun when less than this share of one is left. */
const BLOCK_REST_SHARE = 8
/** `socket.request.max.bytes` of Apache Kafka. */
export const MAX_FRAME_BYTES_DEFAULT: number = 104_857_600

export interface FrameAssemblerOptions {
  /** A frame that announces more is an error. Default `MAX_FRAME_BYTES_DEFAULT`. */
  readonly maxFrameBytes?: number
  /**
   * Where the memory of blocks and large frames comes from and goes back to. A frame's memory then stays what it is only
   * during `onFrame`, or while the receiver retains it. Default: memory is the receiver's for good.
   */
  readonly pool?: BufferPool
  /**
   * A whole frame without its size; it and the views on it belong to the receiver. Returning `false` stops the
   * assembler until `resume`; the caller then pauses its socket, and what arrives in spite of that is kept.
   */
  onFrame(frame: Buffer): boolean | undefined
  /** The stream cannot be read any further. Called once; everything after it is ignored. */
  onError(error: FrameSizeError): void
}

export class FrameSizeError extends Error {
  readonly code = 'FRAME_SIZE'
  /** What was announced, in bytes. */
  readonly size: number

  constructor(size: number, maxFrameBytes: number) {
    super(
      size < 0
        ? `a frame announces ${size} bytes${hint(size)}`
        : `a frame announces ${size} bytes, more than the limit of ${maxFrameBytes}${hint(size)}`,
    )
    this.name = 'FrameSizeError'
    this.size = size
  }
}

/** The first four bytes of other protocols make telling sizes. */
function hint(size: number): string {
  if (size >>> 16 === 0x1603 || size >>> 16 === 0x1503) return ' (this looks like TLS: is the other side plaintext?)'
  const text = Buffer.from([size >>> 24, size >>> 16, size >>> 8, size]).toString('latin1')
  return /^(GET |POST|HEAD|PUT |HTTP|OPTI)$/.test(text) ? ' (this looks like HTTP)' : ''
}

type State =
  /** Frames are cut as bytes arrive. */
  | 'flowing'
  /** `onFrame` asked to stop. */
  | 'stopped'
  /** Failed or closed: all input is dropped. */
  | 'ended'

export class FrameAssembler {
  private readonly maxFrameBytes: number
  private readonly pool: BufferPool | undefined
  private readonly onFrame: (frame: Buffer) => boolean | undefined
  private readonly onError: (error: FrameSizeError) => void
  private state: State = 'flowing'
  /** Inside `drain`; a call from `onFrame` must not start a second one. */
  private draining = false

  /** Chunks not yet cut, in order; the first is used up to `position`. */
  private chunks: Buffer[] = []
  private position = 0

  /** Bytes of a size that straddles chunks, and how many of the four there are. */
  private sizeValue = 0
  private sizeCount = 0

  /** The frame being gathered; null between frames. */
  private partial: Buffer | null = null
  private partialFilled = 0
  private partialSize = 0
  private trustedBytes = SMALL_FRAME_BYTES

  /** Where `readBuffer` lets the socket read to, filled up to `blockFilled`. */
  private block: Buffer | null = null
  private blockFilled = 0
  /** A frame has begun in the block and can end in it: nothing to do until more has come. */
  private awaiting = false

  constructor(options: FrameAssemblerOptions) {
    this.maxFrameBytes = options.maxFrameBytes ?? MAX_FRAME_BYTES_DEFAULT
    this.pool = options.pool
    this.onFrame = options.onFrame
    this.onError = options.onError
  }

  /** Bytes received that have not been handed out. */
  get bufferedBytes(): number {
    let total = this.sizeCount + this.partialFilled - this.position
    for (let i = 0; i < this.chunks.length; i++) total += this.chunks[i].length
    return total
  }

  /** True while a frame has begun and not ended: a peer that closes now cuts it off. */
  get midFrame(): boolean {
    return this.sizeCount > 0 || this.partial !== null || this.awaiting
  }

  get stopped(): boolean {
    return this.state === 'stopped'
  }

  /** The chunk's memory belongs to the assembler from here on. */
  push(chunk: Buffer): void {
    if (this.state === 'ended' || chunk.length === 0) return
    if (!this.takeInPlace(chunk)) {
      this.pool?.retain(chunk.buffer)
      this.chunks.push(chunk)
    }
    this.awaiting = false
    if (this.state === 'flowing') this.drain()
  }

  /** Where the socket may put what it reads next; never empty. What it puts there is given to `push` at once. */
  readBuffer(): Buffer {
    if (this.state === 'ended') return SCRATCH
    const { partial } = this
    if (partial !== null && this.chunks.length === 0 && this.partialFilled < this.partialSize) {
      if (this.partialFilled === partial.length) this.growPartial(partial, 1)
      return this.partial!.subarray(this.partialFilled, this.partialSize)
    }
    let { block } = this
    if (block === null || (!this.awaiting && block.length - this.blockFilled < block.length / BLOCK_REST_SHARE)) {
      const bytes = block === null ? BLOCK_BYTES_MIN : Math.min(2 * block.length, BLOCK_BYTES_MAX)
      if (block !== null) this.pool?.release(block.buffer)
      block = this.block = this.allocate(bytes)
      this.blockFilled = 0
    }
    return block.subarray(this.blockFilled)
  }

  /** Whether the chunk lies where `readBuffer` said, and is taken account of there. */
  private takeInPlace(chunk: Buffer): boolean {
    const { partial, block } = this
    if (partial !== null && follows(chunk, partial, this.partialFilled)) {
      this.partialFilled += chunk.length
      return true
    }
    if (block === null || !follows(chunk, block, this.blockFilled)) return false
    const from = this.blockFilled
    this.blockFilled = from + chunk.length
    const last = this.chunks.length - 1
    if (last < 0) return false
    const before = this.chunks[last]
    if (!follows(chunk, before, before.length)) return false
    this.chunks[last] = block.subarray(before.byteOffset - block.byteOffset, this.blockFilled)
    return true
  }

  /** Goes on after `onFrame` returned `false`, first with what is left over. */
  resume(): void {
    if (this.state !== 'stopped') return
    this.state = 'flowing'
    this.drain()
  }

  /** Drops what is buffered and ignores what comes. */
  close(): void {
    this.state = 'ended'
    if (this.pool !== undefined) {
      for (const chunk of this.chunks) this.pool.release(chunk.buffer)
      if (this.partial !== null) this.pool.release(this.partial.buffer)
      if (this.block !== null) this.pool.release(this.block.buffer)
    }
    this.chunks = []
    this.position = 0
    this.partial = null
    this.partialFilled = 0
    this.sizeCount = 0
    this.block = null
    this.awaiting = false
  }

  private drain(): void {
    if (this.draining) return
    this.draining = true
    try {
      if (this.state === 'flowing' && this.partial !== null) this.finishPartial(this.partial)
      while (this.state === 'flowing' && !this.awaiting && this.chunks.length > 0) {
        const chunk = this.chunks[0]
        this.cut(chunk)
        // `close` has emptied the list when the state is `ended`.
        if (this.chunks.length > 0 && this.position === chunk.length) {
          this.chunks.shift()
          this.pool?.release(chunk.buffer)
          this.position = 0
        }
      }
    } finally {
      this.draining = false
    }
  }

  /** Cuts frames from `chunk` until it is used up or the state changes. */
  private cut(chunk: Buffer): void {
    const end = chunk.length
    while (this.state === 'flowing' && !this.awaiting && this.position < end) {
      if (this.partial !== null) {
        this.gather(chunk, this.partial)
        continue
      }
      const at = this.position
      if (this.sizeCount === 0 && end - at < 4 && this.canEndInBlock(chunk, at, 4)) {
        this.awaiting = true
      } else if (this.sizeCount > 0 || end - at < 4) {
        this.sizeValue = (this.sizeValue << 8) | chunk[at]
        this.position = at + 1
        if (++this.sizeCount === 4) {
          const size = this.sizeValue
          this.sizeCount = 0
          this.sizeValue = 0
          this.begin(chunk, size)
        }
      } else {
        this.position = at + 4
        this.begin(chunk, (chunk[at] << 24) | (chunk[at + 1] << 16) | (chunk[at + 2] << 8) | chunk[at + 3])
      }
    }
  }

  private begin(chunk: Buffer, size: number): void {
    if (size < 0 || size > this.maxFrameBytes) {
      const error = new FrameSizeError(size, this.maxFrameBytes)
      this.close()
      this.onError(error)
      return
    }
    const from = this.position
    if (chunk.length - from >= size) {
      this.position = from + size
      this.deliver(chunk.subarray(from, from + size))
      return
    }
    // The size is read again when more has come.
    if (from >= 4 && size < LARGE_FRAME_BYTES && this.canEndInBlock(chunk, from - 4, 4 + size)) {
      this.position = from - 4
      this.awaiting = true
      return
    }
    // What of a large frame comes to lie in a block is copied: where one was, the next may follow.
    if (size >= LARGE_FRAME_BYTES) this.endBlock()
    this.partial = this.allocate(Math.min(size, this.trustedBytes))
    this.partialFilled = 0
    this.partialSize = size
  }

  /** The next block is of the smallest size. Chunks in this one keep it as long as they need it. */
  private endBlock(): void {
    if (this.block !== null) this.pool?.release(this.block.buffer)
    this.block = null
  }

  /** Whether `size` bytes from `at` of the chunk will come to lie in the block without a gap. */
  private canEndInBlock(chunk: Buffer, at: number, size: number): boolean {
    const { block } = this
    if (block === null || this.chunks.length > 1) return false
    if (!follows(chunk, block, this.blockFilled - chunk.length)) return false
    return this.blockFilled - chunk.length + at + size <= block.length
  }

  private gather(chunk: Buffer, partial: Buffer): void {
    const size = this.partialSize
    const filled = this.partialFilled
    const count = Math.min(chunk.length - this.position, size - filled)
    const target = filled + count > partial.length ? this.growPartial(partial, count) : partial
    chunk.copy(target, filled, this.position, this.position + count)
    this.position += count
    this.partialFilled = filled + count
    this.finishPartial(target)
  }

  /** Makes room for at least `count` more bytes. */
  private growPartial(partial: Buffer, count: number): Buffer {
    const filled = this.partialFilled
    const target = this.allocate(Math.min(this.partialSize, Math.max(2 * partial.length, filled + count)))
    partial.copy(target, 0, 0, filled)
    this.pool?.release(partial.buffer)
    this.partial = target
    return target
  }

  private finishPartial(partial: Buffer): void {
    const size = this.partialSize
    if (this.partialFilled < size) return
    if (size > this.trustedBytes) this.trustedBytes = Math.min(size, TRUSTED_BYTES_MAX)
    this.partial = null
    this.partialFilled = 0
    this.deliver(partial.length === size ? partial : partial.subarray(0, size))
    this.pool?.release(partial.buffer)
  }

  private allocate(bytes: number): Buffer {
    return this.pool === undefined ? Buffer.allocUnsafeSlow(bytes) : this.pool.take(bytes)
  }

  private deliver(frame: Buffer): void {
    if (this.onFrame(frame) === false && this.state === 'flowing') this.state = 'stopped'
  }
}

/** Where a socket reads to whose bytes nobody wants any more. */
const SCRATCH = Buffer.alloc(BLOCK_BYTES_MIN)

/** Whether `chunk` begins `at` bytes into the memory of `before`. */
function follows(chunk: Buffer, before: Buffer, at: number): boolean {
  return chunk.buffer === before.buffer && chunk.byteOffset === before.byteOffset + at
}
