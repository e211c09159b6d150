import { crc32 } from 'node:zlib'
import type { File, FileSystem } from '@ottla/runtime'
import { encodeHeader, hasHeader, headerBytes, journalMagic } from './files.ts'

/**
 * A file of frames, each made durable before the next one is written:
 *
 *     magic u32, sequence u32, length u32, CRC-32 of sequence, length and payload u32, payload
 *
 * So at most the last frame can be torn, and it was never acknowledged: recovery cuts it. A bad frame with a whole
 * later one behind it is not torn but damaged, and nothing is cut.
 */
const frameMagic = 0x4f46524d
const frameHeaderBytes = 16

/**
 * What an append left on the disk. `notWritten`: nothing, and the journal goes on (the disk was full).
 * `broken`: unknown, and nothing may be appended any more (after a failed sync the system forgets which pages were dirty).
 */
export type AppendResult = 'durable' | 'notWritten' | 'broken'

export class Journal {
  readonly #file: File
  #length: number
  #sequence: number

  private constructor(file: File, length: number, sequence: number) {
    this.#file = file
    this.#length = length
    this.#sequence = sequence
  }

  /** Makes the file, header synced. The folder is the caller's to sync. Throws the file system's errors. */
  static create(fs: FileSystem, path: string, generation: number): Journal {
    const file = fs.open(path, 'w+')
    try {
      file.writeSync(encodeHeader(journalMagic, generation), 0)
      file.syncSync()
    } catch (error) {
      file.close()
      throw error
    }
    return new Journal(file, headerBytes, 0)
  }

  /**
   * Continues a file that `scanJournal` has read. A torn tail is cut, and what is kept is synced before anything is
   * written behind it: after a `kill -9` the last frame may be in the page cache only, and a power cut that tears it
   * but not a frame behind it would look like damage.
   */
  static resume(fs: FileSystem, path: string, scan: JournalScan): Journal {
    const file = fs.open(path, 'r+')
    try {
      if (file.size() > scan.length) file.truncateSync(scan.length)
      file.syncSync()
    } catch (error) {
      file.close()
      throw error
    }
    return new Journal(file, scan.length, scan.frames)
  }

  /** Bytes, the header included. */
  get length(): number {
    return this.#length
  }

  /** One at a time: the caller waits for `done` before the next append. */
  append(payload: Buffer, done: (result: AppendResult, error: Error | null) => void): void {
    const header = encodeFrameHeader(this.#sequence, payload)
    this.#file.writev([header, payload], this.#length, (writeError) => {
      if (writeError !== null) {
        done(isDiskFull(writeError) && this.#cutBack() ? 'notWritten' : 'broken', writeError)
        return
      }
      this.#file.sync((syncError) => {
        if (syncError !== null) {
          done('broken', syncError)
          return
        }
        this.#appended(payload)
        done('durable', null)
      })
    })
  }

  /** The same at start-up, where waiting is right. Throws the file system's errors. */
  appendSync(payload: Buffer): void {
    this.#file.writevSync([encodeFrameHeader(this.#sequence, payload), payload], this.#length)
    this.#file.syncSync()
    this.#appended(payload)
  }

  close(): void {
    this.#file.close()
  }

  #appended(payload: Buffer): void {
    this.#length += frameHeaderBytes + payload.length
    this.#sequence++
  }

  #cutBack(): boolean {
    try {
      this.#file.truncateSync(this.#length)
      return true
    } catch {
      return false
    }
  }
}

function encodeFrameHeader(sequence: number, payload: Buffer): Buffer {
  const header = Buffer.allocUnsafeSlow(frameHeaderBytes)
  header.writeUInt32BE(frameMagic, 0)
  header.writeUInt32BE(sequence, 4)
  header.writeUInt32BE(payload.length, 8)
  header.writeUInt32BE(crc32(payload, crc32(header.subarray(4, 12))), 12)
  return header
}

function isDiskFull(error: Error): boolean {
  const code = 'code' in error ? error.code : undefined
  return code === 'ENOSPC' || code === 'EDQUOT'
}

export type JournalScan = {
  /** Bytes of the header and the whole frames. */
  readonly length: number
  readonly frames: number
  /**
   * `whole`: nothing follows. `torn`: what follows is the rest of one frame that was never acknowledged.
   * `noHeader`: the file was being made. `damaged`: frames that were acknowledged are unreadable.
   */
  readonly end: 'whole' | 'torn' | 'noHeader' | 'damaged'
}

/** Walks a journal's bytes and calls `take` with each whole frame's payload. Throws `MetadataOpenError` for a newer format. */
export function scanJournal(
  bytes: Buffer,
  generation: number,
  path: string,
  take: (payload: Buffer) => void,
): JournalScan {
  if (!hasHeader(bytes, journalMagic, generation, path)) {
    return { length: 0, frames: 0, end: holdsFrameFrom(bytes, 0, 0) ? 'damaged' : 'noHeader' }
  }
  let at = headerBytes
  let frames = 0
  for (;;) {
    if (at === bytes.length) return { length: at, frames, end: 'whole' }
    const length = frameAt(bytes, at, frames)
    if (length === -1)
      return { length: at, frames, end: holdsFrameFrom(bytes, at + 1, frames + 1) ? 'damaged' : 'torn' }
    take(bytes.subarray(at + frameHeaderBytes, at + frameHeaderBytes + length))
    at += frameHeaderBytes + length
    frames++
  }
}

/** Bytes of the payload of the whole frame that begins at `at` and has at least this sequence number; else -1. */
function frameAt(bytes: Buffer, at: number, sequence: number, exact = true): number {
  if (bytes.length - at < frameHeaderBytes || bytes.readUInt32BE(at) !== frameMagic) return -1
  const found = bytes.readUInt32BE(at + 4)
  if (exact ? found !== sequence : found < sequence) return -1
  const length = bytes.readUInt32BE(at + 8)
  if (length > bytes.length - at - frameHeaderBytes) return -1
  const payload = bytes.subarray(at + frameHeaderBytes, at + frameHeaderBytes + length)
  return bytes.readUInt32BE(at + 12) === crc32(payload, crc32(bytes.subarray(at + 4, at + 12))) ? length : -1
}

function holdsFrameFrom(bytes: Buffer, from: number, sequence: number): boolean {
  const magic = Buffer.alloc(4)
  magic.writeUInt32BE(frameMagic)
  for (let at = bytes.indexOf(magic, from); at !== -1; at = bytes.indexOf(magic, at + 1)) {
    if (frameAt(bytes, at, sequence, false) !== -1) return true
  }
  return false
}
