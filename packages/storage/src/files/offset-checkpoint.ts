import type { FileSystem } from '@ottla/runtime'
import { readWhole, writeAtomically } from './whole-file.ts'

/**
 * `recovery-point-offset-checkpoint`, `log-start-offset-checkpoint`, `replication-offset-checkpoint` and
 * `cleaner-offset-checkpoint`: version, number of entries, then one line `topic partition offset` each
 * (`OffsetCheckpointFile`). A file that cannot be understood counts as missing: each has a safe default.
 */

export const RECOVERY_POINT_CHECKPOINT = 'recovery-point-offset-checkpoint'
export const LOG_START_CHECKPOINT = 'log-start-offset-checkpoint'
export const HIGH_WATERMARK_CHECKPOINT = 'replication-offset-checkpoint'
export const CLEANER_CHECKPOINT = 'cleaner-offset-checkpoint'

const VERSION = '0'
/** A line has at most 249 + 10 + 16 + 2 characters; a million partitions fit. */
const FILE_BYTES_MAX = 512 * 1024 * 1024

/** Offsets by `<topic>-<partition>`. */
export type OffsetsByPartition = Map<string, number>

export function encodeOffsetCheckpoint(offsets: ReadonlyMap<string, number>): string {
  const lines = [VERSION, String(offsets.size)]
  for (const [name, offset] of offsets) {
    const dash = name.lastIndexOf('-')
    lines.push(`${name.slice(0, dash)} ${name.slice(dash + 1)} ${offset}`)
  }
  return `${lines.join('\n')}\n`
}

/** null when the text is not a whole checkpoint. */
export function decodeOffsetCheckpoint(text: string): OffsetsByPartition | null {
  const lines = text.split('\n')
  if (lines[0] !== VERSION || !/^\d+$/.test(lines[1] ?? '')) return null
  const count = Number(lines[1])
  if (lines.length < count + 2) return null
  const offsets: OffsetsByPartition = new Map()
  for (let i = 2; i < count + 2; i++) {
    const match = /^(\S+) (\d+) (\d+)$/.exec(lines[i])
    if (match === null) return null
    const offset = Number(match[3])
    if (!Number.isSafeInteger(offset)) return null
    offsets.set(`${match[1]}-${match[2]}`, offset)
  }
  return offsets
}

export function readOffsetCheckpoint(fs: FileSystem, directory: string, name: string): OffsetsByPartition {
  const bytes = readWhole(fs, `${directory}/${name}`, FILE_BYTES_MAX)
  return (bytes && decodeOffsetCheckpoint(bytes.toString())) ?? new Map()
}

export function writeOffsetCheckpoint(
  fs: FileSystem,
  directory: string,
  name: string,
  offsets: ReadonlyMap<string, number>,
): void {
  writeAtomically(fs, directory, name, encodeOffsetCheckpoint(offsets))
}
