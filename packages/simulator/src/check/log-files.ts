import { batch, crc32c } from '@ottla/protocol/records'
import type { SimDisk } from '@ottla/runtime/sim'

/** Reads a partition's `.log` files from the disk's image by itself, without the code under test. */

/** `bytes` is lent until the next call. */
export type StoredBatchVisitor = (bytes: Buffer, size: number) => void

export type ReadResult =
  | 'done'
  /** No file holds the offset that comes next. */
  | 'missing'
  /** What is there is no whole batch with a valid CRC. */
  | 'broken'

export function segmentName(baseOffset: number): string {
  return `${String(baseOffset).padStart(20, '0')}.log`
}

/** Base offsets of the segments in the folder, rising. */
export function segmentsIn(disk: SimDisk, directory: string): number[] {
  const { image } = disk.tree
  const ino = image.find(directory)
  if (ino === undefined) return []
  const bases: number[] = []
  for (const name of image.directory(ino).entries.keys())
    if (/^\d{20}\.log$/.test(name)) bases.push(Number(name.slice(0, 20)))
  return bases.sort((a, b) => a - b)
}

export class LogFiles {
  readonly directory: string
  private readonly disk: SimDisk
  private ino = -1
  private position = 0
  private nextOffset: number
  private buffer = Buffer.alloc(4096)

  /** Begins at the segment with the base offset `offset`. */
  constructor(disk: SimDisk, directory: string, offset: number) {
    this.disk = disk
    this.directory = directory
    this.nextOffset = offset
  }

  /** Visits the batches that come next, up to `endOffset`. */
  readTo(endOffset: number, visit: StoredBatchVisitor): ReadResult {
    while (this.nextOffset < endOffset) {
      if (this.ino < 0 || this.atEndOfFile()) {
        const ino = this.disk.tree.image.find(`${this.directory}/${segmentName(this.nextOffset)}`)
        if (ino === undefined || ino === this.ino) return this.ino < 0 ? 'missing' : 'broken'
        this.ino = ino
        this.position = 0
      }
      const size = this.readBatch()
      if (size < 0) return 'broken'
      this.nextOffset = batch.lastOffset(this.buffer, 0) + 1
      this.position += size
      visit(this.buffer, size)
    }
    return 'done'
  }

  /** A roll leaves the next segment under the name of the next offset; a preallocated file is longer than its batches. */
  private atEndOfFile(): boolean {
    const { image } = this.disk.tree
    // Deleted since by retention: what is not read yet lies in a later file.
    if (!image.has(this.ino)) return true
    const { bytes } = image.file(this.ino)
    if (this.position + batch.HEADER_BYTES > bytes.size) return true
    bytes.read(this.buffer, 0, 17, this.position)
    return this.buffer[16] !== batch.MAGIC_V2
  }

  private readBatch(): number {
    const { image } = this.disk.tree
    const { bytes } = image.file(this.ino)
    if (bytes.read(this.buffer, 0, batch.HEADER_BYTES, this.position) < batch.HEADER_BYTES) return -1
    const size = batch.sizeInBytes(this.buffer, 0)
    if (size < batch.HEADER_BYTES || this.position + size > bytes.size) return -1
    if (size > this.buffer.length) this.buffer = Buffer.alloc(size * 2)
    bytes.read(this.buffer, 0, size, this.position)
    if (crc32c(this.buffer, batch.CRC_START, size) !== batch.crc(this.buffer, 0)) return -1
    return size
  }
}
