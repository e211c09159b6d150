import { crc32 } from 'node:zlib'
import type { FileSystem } from '@ottla/runtime'
import { ByteWriter } from './bytes.ts'

/**
 * What the embedded store keeps on disk:
 *
 *     journal-<n>    header, then frames: the changes since snapshot n
 *     snapshot-<n>   header, then the persistent tree; none for n = 0
 *
 * Both begin with the same header, 20 bytes: magic (8), format (u32), n (u32), CRC-32 of those 16 bytes (u32).
 */
export const formatVersion = 1
export const headerBytes = 20
export const journalMagic = Buffer.from('OTLAJRNL')
export const snapshotMagic = Buffer.from('OTLASNAP')

/** Why a store did not open. The message is one sentence for a person. */
export class MetadataOpenError extends Error {
  readonly code: 'newerFormat' | 'damaged'

  constructor(code: 'newerFormat' | 'damaged', message: string) {
    super(message)
    this.name = 'MetadataOpenError'
    this.code = code
  }
}

export function encodeHeader(magic: Buffer, generation: number): Buffer {
  const writer = new ByteWriter(headerBytes)
  writer.bytes(magic)
  writer.u32(formatVersion)
  writer.u32(generation)
  writer.u32(crc32(writer.written()))
  return writer.written()
}

/** Whether `file` begins with a whole header of `generation`. A newer format throws, whatever else the file holds. */
export function hasHeader(file: Buffer, magic: Buffer, generation: number, path: string): boolean {
  if (file.length < headerBytes || !file.subarray(0, 8).equals(magic)) return false
  if (file.readUInt32BE(16) !== crc32(file.subarray(0, 16))) return false
  const version = file.readUInt32BE(8)
  if (version > formatVersion) {
    throw new MetadataOpenError(
      'newerFormat',
      `${path} has metadata format ${version}, but this version of Ottla reads formats up to ${formatVersion}: ` +
        'start the newer version that wrote it, or use another data directory.',
    )
  }
  return file.readUInt32BE(12) === generation
}

export function damaged(path: string, what: string): MetadataOpenError {
  return new MetadataOpenError(
    'damaged',
    `${path} is damaged (${what}): restore the folder from a backup; changes that were acknowledged would be lost by going on without it.`,
  )
}

export function readWhole(fs: FileSystem, path: string): Buffer {
  const file = fs.open(path, 'r')
  try {
    const buffer = Buffer.allocUnsafeSlow(file.size())
    let at = 0
    while (at < buffer.length) {
      const read = file.readSync(buffer, at, buffer.length - at, at)
      if (read === 0) break
      at += read
    }
    return buffer.subarray(0, at)
  } finally {
    file.close()
  }
}

export interface Generations {
  /** Ascending. */
  readonly journals: number[]
  readonly snapshots: number[]
  /** Names of snapshots that were never finished. */
  readonly temporary: string[]
}

export function listGenerations(fs: FileSystem, dir: string): Generations {
  const found: Generations = { journals: [], snapshots: [], temporary: [] }
  for (const name of fs.readdir(dir)) {
    const match = /^(journal|snapshot)-(\d{1,10})(\.tmp)?$/.exec(name)
    if (match === null) continue
    if (match[3] !== undefined) found.temporary.push(name)
    else (match[1] === 'journal' ? found.journals : found.snapshots).push(Number(match[2]))
  }
  found.journals.sort((a, b) => a - b)
  found.snapshots.sort((a, b) => a - b)
  return found
}

export const journalPath = (dir: string, generation: number): string => `${dir}/journal-${generation}`
export const snapshotPath = (dir: string, generation: number): string => `${dir}/snapshot-${generation}`
