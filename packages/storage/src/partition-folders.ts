import type { FileSystem } from '@ottla/runtime'
import type { DirectoryRecord } from './files/directory-record.ts'
import { readTopicId, writeTopicId } from './files/partition-metadata.ts'
import type { FolderRemover } from './folder-remover.ts'
import { parentOf } from './log-core.ts'
import { type FolderFate, movedDirectoryName, PARTITION_METADATA, partitionDirectoryName } from './names.ts'
import type { StorageRuntime } from './types.ts'

export interface FoldersDeps {
  readonly runtime: StorageRuntime
  readonly remover: FolderRemover
  readonly record: DirectoryRecord | null
  /** Topic id by name, null for a topic that is not there; undefined when nobody knows. */
  readonly topicIdOf: ((topic: string) => string | null) | undefined
}

/**
 * Partitions' folders as a whole: how they begin, how they leave, and which of them belong to nobody. A topic that was
 * deleted, and perhaps made anew, while a directory could not be reached has left a folder there (KIP-516 is how one tells).
 */
export class PartitionFolders {
  readonly #deps: FoldersDeps

  constructor(deps: FoldersDeps) {
    this.#deps = deps
  }

  /** Throws the system's errors; what has been made is taken back then. */
  make(path: string, topicId: string | null): void {
    const { fs } = this.#deps.runtime
    fs.mkdir(path)
    try {
      if (topicId !== null) writeTopicId(fs, path, topicId)
    } catch (error) {
      takeBack(fs, path)
      throw error
    }
  }

  /** Renames it, not yet durably, and lets it be removed after `delayMs` if that is its fate. Throws the system's errors. */
  moveAway(path: string, topic: string, partition: number, fate: FolderFate, delayMs: number): string {
    const { runtime, remover } = this.#deps
    const unique = Array.from({ length: 4 }, () => runtime.random.uint32().toString(16).padStart(8, '0')).join('')
    const target = `${parentOf(path)}/${movedDirectoryName(topic, partition, unique, fate)}`
    runtime.fs.rename(path, target)
    if (fate === 'delete') remover.removeFolder(target, delayMs)
    else runtime.logger.warn('a log of another topic of this name is set aside', { directory: path, renamedTo: target })
    return target
  }

  /** There may be folders of nobody: some deletion has not reached its directory. */
  get deletionsPending(): boolean {
    return this.#deps.record?.hasDeletions ?? false
  }

  /** Whether anybody could tell a folder of nobody. */
  get canTell(): boolean {
    return this.deletionsPending || this.#deps.topicIdOf !== undefined
  }

  /** What shall become of a folder that says to belong to this topic; null: it is what it says, as far as we know. */
  fateOf(topic: string, partition: number, topicId: string | null): FolderFate | null {
    if (topicId === null) return null
    const known = this.#deps.topicIdOf?.(topic) ?? null
    if (known === topicId) return null
    if (this.#deps.record?.isDeleted(partitionDirectoryName(topic, partition), topicId) === true) return 'delete'
    // Of a topic that nobody knows it may be all there is: it stays, and `--adopt` takes it up.
    return known === null ? null : 'stray'
  }

  /** The topic is not one of the cluster's. */
  isUnknown(topic: string): boolean {
    return this.#deps.topicIdOf !== undefined && this.#deps.topicIdOf(topic) === null
  }

  /** For one of two folders of the same partition: the making of one without records and id was cut short. */
  fateOfTwin(topic: string, partition: number, path: string): FolderFate | null {
    const { fs } = this.#deps.runtime
    const topicId = readTopicId(fs, path)
    if (topicId !== null) return this.fateOf(topic, partition, topicId)
    return fs.readdir(path).some((name) => name.endsWith('.log')) ? null : 'delete'
  }
}

/** Another directory is tried next: two folders of one partition must not be found by the next start. */
function takeBack(fs: FileSystem, path: string): void {
  try {
    fs.unlink(`${path}/${PARTITION_METADATA}.tmp`)
    fs.unlink(`${path}/${PARTITION_METADATA}`)
    fs.rmdir(path)
  } catch {
    // An empty folder, which that start removes.
  }
}
