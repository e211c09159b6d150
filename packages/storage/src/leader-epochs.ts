import type { FileSystem } from '@ottla/runtime'
import { readWhole, writeReplacing } from './files/whole-file.ts'
import { LEADER_EPOCH_CHECKPOINT } from './names.ts'

/** Records from `startOffset` on, up to the next entry's, were appended by the leader of `epoch`. */
export interface EpochEntry {
  readonly epoch: number
  readonly startOffset: number
}

export interface EpochEndOffset {
  readonly leaderEpoch: number
  readonly endOffset: number
}

export const NO_EPOCH = -1
export const NO_OFFSET = -1

const VERSION = '0'
const FILE_BYTES_MAX = 16 * 1024 * 1024

/**
 * Which leader epoch each offset belongs to (`LeaderEpochFileCache`, KIP-101), kept in `leader-epoch-checkpoint`.
 *
 * The batches carry the same knowledge, so the file is a cache: it is written at rolls and at the end without waiting
 * for the device, and believed only as far as its latest epoch is that of the last batch it covers (see the loader). A
 * partition's first append after a start then costs no system call for it.
 */
export class LeaderEpochs {
  readonly #fs: FileSystem
  readonly #directory: string
  /** Epochs and offsets both rise strictly. */
  #entries: EpochEntry[]
  #dirty = false

  constructor(fs: FileSystem, directory: string, entries: EpochEntry[] = []) {
    this.#fs = fs
    this.#directory = directory
    this.#entries = entries
  }

  /** null when the file is missing or damaged: the caller reads the epochs from the batches. */
  static load(fs: FileSystem, directory: string): LeaderEpochs | null {
    const bytes = readWhole(fs, `${directory}/${LEADER_EPOCH_CHECKPOINT}`, FILE_BYTES_MAX)
    const entries = bytes && decodeEpochCheckpoint(bytes.toString())
    return entries === null ? null : new LeaderEpochs(fs, directory, entries)
  }

  get entries(): readonly EpochEntry[] {
    return this.#entries
  }

  get latestEpoch(): number {
    return this.#entries.length === 0 ? NO_EPOCH : this.#entries[this.#entries.length - 1].epoch
  }

  /** Notes that `epoch` begins at `startOffset` (`LeaderEpochFileCache.assign`). */
  assign(epoch: number, startOffset: number): void {
    const last = this.#entries[this.#entries.length - 1]
    if (epoch < 0 || (last !== undefined && epoch === last.epoch && startOffset >= last.startOffset)) return
    // A newer claim wins: entries with a higher epoch or a later start contradict it.
    const kept = this.#entries.filter((entry) => entry.epoch < epoch && entry.startOffset < startOffset)
    kept.push({ epoch, startOffset })
    this.#entries = kept
    this.#dirty = true
  }

  /** The epoch of the record at `offset`, -1 when it lies before the first entry. */
  epochOf(offset: number): number {
    for (let i = this.#entries.length - 1; i >= 0; i--)
      if (this.#entries[i].startOffset <= offset) return this.#entries[i].epoch
    return NO_EPOCH
  }

  /**
   * Where the largest epoch ≤ `epoch` ends (`LeaderEpochFileCache.endOffsetFor`):
   *
   * | asked epoch | answer |
   * |---|---|
   * | the latest | (latest, end of the log) |
   * | above the latest, or no entry at all | (-1, -1) |
   * | below the first | (asked, start of the first): a follower truncates there |
   * | between | (largest entry ≤ asked, start of the one after) |
   */
  endOffsetFor(epoch: number, logEndOffset: number): EpochEndOffset {
    const entries = this.#entries
    if (epoch < 0 || entries.length === 0 || epoch > this.latestEpoch)
      return { leaderEpoch: NO_EPOCH, endOffset: NO_OFFSET }
    if (epoch === this.latestEpoch) return { leaderEpoch: epoch, endOffset: logEndOffset }
    if (epoch < entries[0].epoch) return { leaderEpoch: epoch, endOffset: entries[0].startOffset }
    let slot = 0
    while (entries[slot + 1].epoch <= epoch) slot++
    return { leaderEpoch: entries[slot].epoch, endOffset: entries[slot + 1].startOffset }
  }

  /** The log ends at `endOffset`: epochs that begin at or after it never happened. */
  truncateFromEnd(endOffset: number): void {
    const kept = this.#entries.filter((entry) => entry.startOffset < endOffset)
    if (kept.length === this.#entries.length) return
    this.#entries = kept
    this.#dirty = true
  }

  /** The log begins at `startOffset`: the epoch that covers it begins there now. */
  truncateFromStart(startOffset: number): void {
    let covering = this.#entries.length - 1
    while (covering >= 0 && this.#entries[covering].startOffset > startOffset) covering--
    if (covering < 0 || (covering === 0 && this.#entries[0].startOffset === startOffset)) return
    this.#entries = [{ epoch: this.#entries[covering].epoch, startOffset }, ...this.#entries.slice(covering + 1)]
    this.#dirty = true
  }

  clear(): void {
    this.#dirty ||= this.#entries.length > 0
    this.#entries = []
  }

  /** Writes the file when it is out of date. Throws the system's error. */
  write(): void {
    if (!this.#dirty) return
    writeReplacing(
      this.#fs,
      this.#directory,
      LEADER_EPOCH_CHECKPOINT,
      Buffer.from(encodeEpochCheckpoint(this.#entries)),
    )
    this.#dirty = false
  }
}

export function encodeEpochCheckpoint(entries: readonly EpochEntry[]): string {
  const lines = [VERSION, String(entries.length)]
  for (const entry of entries) lines.push(`${entry.epoch} ${entry.startOffset}`)
  return `${lines.join('\n')}\n`
}

export function decodeEpochCheckpoint(text: string): EpochEntry[] | null {
  const lines = text.split('\n')
  if (lines[0] !== VERSION || !/^\d+$/.test(lines[1] ?? '')) return null
  const count = Number(lines[1])
  if (lines.length < count + 2) return null
  const entries: EpochEntry[] = []
  for (let i = 2; i < count + 2; i++) {
    const match = /^(\d+) (\d+)$/.exec(lines[i])
    if (match === null) return null
    const entry = { epoch: Number(match[1]), startOffset: Number(match[2]) }
    const last = entries[entries.length - 1]
    if (last !== undefined && (entry.epoch <= last.epoch || entry.startOffset <= last.startOffset)) return null
    entries.push(entry)
  }
  return entries
}
