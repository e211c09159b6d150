import type { FileSystem } from '@ottla/runtime'
import { readWhole, writeReplacing } from '../files/whole-file.ts'
import { INDEX_CHECKSUMS } from '../names.ts'

/** CRC-32C of a sealed segment's `.index`, `.timeindex` and `.txnindex` (0 for one that is empty or missing). */
export interface SegmentChecksums {
  /** Size of the `.log` that the indexes describe: an index of an earlier state must not pass for the present one. */
  readonly logBytes: number
  readonly offsets: number
  readonly times: number
  readonly transactions: number
}

const VERSION = '0'
const FILE_BYTES_MAX = 64 * 1024 * 1024

/**
 * Kafka's index files have no checksum: a flipped bit, or a file of an earlier state that a power cut has brought back,
 * would show as records that cannot be found. This file of ours holds one per index file of the partition. What does
 * not match, or has no line (as in a directory that Apache Kafka wrote), is rebuilt from the log at its first use. It
 * is lazily read, and written without waiting for the device.
 */
export class IndexChecksums {
  readonly #fs: FileSystem
  #directory: string
  #checksums: Map<number, SegmentChecksums> | null = null

  constructor(fs: FileSystem, directory: string) {
    this.#fs = fs
    this.#directory = directory
  }

  moveTo(directory: string): void {
    this.#directory = directory
  }

  get(baseOffset: number): SegmentChecksums | undefined {
    return this.#loaded().get(baseOffset)
  }

  set(baseOffset: number, checksums: SegmentChecksums): void {
    this.#loaded().set(baseOffset, checksums)
  }

  delete(baseOffset: number): void {
    this.#loaded().delete(baseOffset)
  }

  write(): void {
    const checksums = this.#loaded()
    const lines = [VERSION, String(checksums.size)]
    for (const [base, c] of checksums) lines.push(`${base} ${c.logBytes} ${c.offsets} ${c.times} ${c.transactions}`)
    writeReplacing(this.#fs, this.#directory, INDEX_CHECKSUMS, Buffer.from(`${lines.join('\n')}\n`))
  }

  #loaded(): Map<number, SegmentChecksums> {
    if (this.#checksums !== null) return this.#checksums
    const bytes = readWhole(this.#fs, `${this.#directory}/${INDEX_CHECKSUMS}`, FILE_BYTES_MAX)
    this.#checksums = (bytes && decode(bytes.toString('latin1'))) ?? new Map()
    return this.#checksums
  }
}

function decode(text: string): Map<number, SegmentChecksums> | null {
  const lines = text.split('\n')
  if (lines[0] !== VERSION || Number(lines[1]) !== lines.length - 3) return null
  const checksums = new Map<number, SegmentChecksums>()
  for (const line of lines.slice(2, -1)) {
    const match = /^(\d+) (\d+) (\d+) (\d+) (\d+)$/.exec(line)
    if (match === null) return null
    const [base, logBytes, offsets, times, transactions] = match.slice(1).map(Number)
    checksums.set(base, { logBytes, offsets, times, transactions })
  }
  return checksums
}
