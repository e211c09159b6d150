import { StorageError } from './errors.ts'

/** Names of files and folders, as in `UnifiedLog` and `LogFileUtils` of Apache Kafka. */

const OFFSET_DIGITS = 20

/** The kinds of file that belong to one segment. */
export type SegmentSuffix = '.log' | '.index' | '.timeindex' | '.txnindex' | '.snapshot'
export const SEGMENT_SUFFIXES: readonly SegmentSuffix[] = ['.log', '.index', '.timeindex', '.txnindex', '.snapshot']

/** A marker behind the whole name: about to go, being written by the cleaner, finished by the cleaner. */
export const DELETED_SUFFIX = '.deleted'
export const CLEANED_SUFFIX = '.cleaned'
export const SWAP_SUFFIX = '.swap'

export const LEADER_EPOCH_CHECKPOINT = 'leader-epoch-checkpoint'
export const PARTITION_METADATA = 'partition.metadata'
/** Ours: CRC-32C of the index files of the partition's sealed segments. */
export const INDEX_CHECKSUMS = 'ottla.index-checksums'

const DELETE_DIRECTORY_SUFFIX = '-delete'
const FUTURE_DIRECTORY_SUFFIX = '-future'
const STRAY_DIRECTORY_SUFFIX = '-stray'
/** Most file systems allow no more bytes in one name. */
const NAME_BYTES_MAX = 255

export function segmentFileName(baseOffset: number, suffix: string): string {
  return baseOffset.toString().padStart(OFFSET_DIGITS, '0') + suffix
}

/** Base offset of a name such as `00000000000000000042.log`, or -1 when it is no such name. */
export function baseOffsetOf(name: string): number {
  if (name.length <= OFFSET_DIGITS || name.charCodeAt(OFFSET_DIGITS) !== 46) return -1
  const digits = name.slice(0, OFFSET_DIGITS)
  if (!/^\d+$/.test(digits)) return -1
  const offset = Number(digits)
  return Number.isSafeInteger(offset) ? offset : -1
}

export type FolderFate = 'delete' | 'stray'

export interface TopicPartitionName {
  readonly topic: string
  readonly partition: number
}

export function partitionDirectoryName(topic: string, partition: number): string {
  return `${topic}-${partition}`
}

/**
 * The name of a folder that is no longer its partition's: `<topic>-<partition>.<32 hex>-delete` to be removed, `-stray` to be
 * kept for a person to look at; the topic cut where too long.
 */
export function movedDirectoryName(topic: string, partition: number, uniqueHex: string, fate: FolderFate): string {
  const suffix = `-${partition}.${uniqueHex}-${fate}`
  return topic.slice(0, NAME_BYTES_MAX - suffix.length) + suffix
}

/** What a folder in a log directory is by its name. */
export type DirectoryKind =
  | ({ readonly kind: 'partition' } & TopicPartitionName)
  | { readonly kind: 'deleted' }
  /** A replica that Apache Kafka was moving or set aside: left alone. */
  | { readonly kind: 'set-aside' }
  | { readonly kind: 'other' }

const PARTITION_PATTERN = /^([a-zA-Z0-9._-]{1,249})-(0|[1-9]\d{0,9})$/
const UNIQUE_PATTERN = /\.[0-9a-f]{32}-(delete|future|stray)$/

export function classifyDirectory(name: string): DirectoryKind {
  if (UNIQUE_PATTERN.test(name)) {
    if (name.endsWith(DELETE_DIRECTORY_SUFFIX)) return { kind: 'deleted' }
    if (name.endsWith(FUTURE_DIRECTORY_SUFFIX) || name.endsWith(STRAY_DIRECTORY_SUFFIX)) return { kind: 'set-aside' }
  }
  const match = PARTITION_PATTERN.exec(name)
  if (match === null) return { kind: 'other' }
  const partition = Number(match[2])
  return partition <= 0x7fff_ffff ? { kind: 'partition', topic: match[1], partition } : { kind: 'other' }
}

/** Refuses what could leave the log directory or is no topic name (`Topic.validate`); the broker has checked before. */
export function assertTopicName(topic: string): void {
  if (!/^[a-zA-Z0-9._-]{1,249}$/.test(topic) || topic === '.' || topic === '..')
    throw new StorageError('IO', `'${topic}' is no name for a topic`)
}
