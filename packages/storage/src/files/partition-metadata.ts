import type { FileSystem } from '@ottla/runtime'
import { PARTITION_METADATA } from '../names.ts'
import { readWhole, writeReplacing } from './whole-file.ts'

/** `partition.metadata` (KIP-516): which topic, by id, the folder belongs to. */

const FILE_BYTES_MAX = 4096

/** The topic id as URL-safe base64 without padding (22 characters), or null. */
export function readTopicId(fs: FileSystem, directory: string): string | null {
  const bytes = readWhole(fs, `${directory}/${PARTITION_METADATA}`, FILE_BYTES_MAX)
  if (bytes === null) return null
  const match = /^version: ?0\r?\ntopic_id: ?([A-Za-z0-9_-]{22})\s*$/.exec(bytes.toString('latin1'))
  return match === null ? null : match[1]
}

/** Not on the device yet: the log sees to that before the first of its records is (creating a topic costs no wait). */
export function writeTopicId(fs: FileSystem, directory: string, topicId: string): void {
  writeReplacing(fs, directory, PARTITION_METADATA, Buffer.from(`version: 0\ntopic_id: ${topicId}`))
}
