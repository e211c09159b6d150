import { crc32c } from '@ottla/protocol/records'
import type { FileSystem } from '@ottla/runtime'
import { encodeOffsetCheckpoint, RECOVERY_POINT_CHECKPOINT } from './offset-checkpoint.ts'
import { readWhole, writeAtomically } from './whole-file.ts'

/**
 * `.kafka_cleanshutdown`: everything in the directory is on the device. Written last, removed first. Ours carries the
 * checksum of the recovery points written with it, which then are the logs' ends: no log has to be looked into.
 */
export const CLEAN_SHUTDOWN = '.kafka_cleanshutdown'
const MARKER_BYTES_MAX = 64 * 1024
const CHECKPOINT_BYTES_MAX = 512 * 1024 * 1024

export interface CleanShutdown {
  /** The recovery-point checkpoint is exactly the one that was written by our own clean stop. */
  readonly endsAreKnown: boolean
}

export function readCleanShutdown(fs: FileSystem, directory: string): CleanShutdown | null {
  const bytes = readWhole(fs, `${directory}/${CLEAN_SHUTDOWN}`, MARKER_BYTES_MAX)
  if (bytes === null) return null
  const match = /"recoveryPointsCrc":(\d+)/.exec(bytes.toString('latin1'))
  if (match === null) return { endsAreKnown: false }
  const checkpoint = readWhole(fs, `${directory}/${RECOVERY_POINT_CHECKPOINT}`, CHECKPOINT_BYTES_MAX)
  return { endsAreKnown: checkpoint !== null && crc32c(checkpoint, 0, checkpoint.length) === Number(match[1]) }
}

/** From now on a crash is a crash. */
export function removeCleanShutdown(fs: FileSystem, directory: string): void {
  fs.unlink(`${directory}/${CLEAN_SHUTDOWN}`)
  fs.syncDir(directory)
}

export function writeCleanShutdown(
  fs: FileSystem,
  directory: string,
  recoveryPoints: ReadonlyMap<string, number>,
): void {
  const text = Buffer.from(encodeOffsetCheckpoint(recoveryPoints))
  const content = { version: 0, brokerEpoch: -1, recoveryPointsCrc: crc32c(text, 0, text.length) }
  writeAtomically(fs, directory, CLEAN_SHUTDOWN, JSON.stringify(content))
}
