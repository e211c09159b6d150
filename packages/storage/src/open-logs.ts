import { StorageError } from './errors.ts'
import { type LoadedLog, loadLog } from './load/load-log.ts'
import type { LogDirectory } from './log-directory.ts'
import type { LogShared } from './log-shared.ts'
import { classifyDirectory } from './names.ts'
import type { LogConfig } from './types.ts'

/** Where Apache Kafka keeps its own metadata in KRaft mode; not a log of ours. */
const KRAFT_METADATA_TOPIC = '__cluster_metadata'

/** How a directory was left; null: in disorder, so that every log is recovered. */
type Left = { readonly endsAreKnown: boolean } | null

/** What becomes of what is found. */
export interface Finder {
  readonly configOf: (topic: string) => LogConfig
  /** False: the folder shall not be opened. */
  readonly wanted: (topic: string, partition: number, path: string) => boolean
  /** A damaged log comes as its error. */
  readonly opened: (topic: string, partition: number, loaded: LoadedLog | StorageError) => void
  /** The folder of a deleted partition. */
  readonly deleted: (path: string) => void
}

/**
 * Opens the logs of one directory. Damage concerns one log; any error of the system concerns the directory, and is thrown,
 * as are the `StorageError`s of `finder`.
 */
export function openLogs(directory: LogDirectory, left: Left, shared: LogShared, finder: Finder): void {
  const { fs, logger, clock } = shared.runtime
  const startMs = clock.monotonicMs()
  const { recoveryPoints, logStarts } = directory.readCheckpoints()
  const configs = new Map<string, LogConfig>()
  let count = 0
  for (const name of fs.readdir(directory.path)) {
    const folder = classifyDirectory(name)
    const path = `${directory.path}/${name}`
    if (folder.kind === 'deleted') finder.deleted(path)
    if (folder.kind !== 'partition' || folder.topic === KRAFT_METADATA_TOPIC) continue
    if (fs.stat(path)?.kind !== 'directory') continue
    const { topic, partition } = folder
    if (!finder.wanted(topic, partition, path)) continue
    let config = configs.get(topic)
    if (config === undefined) configs.set(topic, (config = finder.configOf(topic)))
    const loaded = load(shared, {
      directory: path,
      config,
      clean: left !== null,
      endIsKnown: left?.endsAreKnown ?? false,
      recoveryPoint: recoveryPoints.get(name),
      logStartOffset: logStarts.get(name),
      contiguous: directory.origin !== 'foreign',
    })
    finder.opened(topic, partition, loaded)
    count++
  }
  logger.info('opened the logs of a directory', {
    directory: directory.path,
    logs: count,
    clean: left !== null,
    ms: Math.round(clock.monotonicMs() - startMs),
  })
}

/** A damaged log does not keep the others from being served. */
function load(shared: LogShared, options: Parameters<typeof loadLog>[1]): LoadedLog | StorageError {
  try {
    return loadLog(shared, options)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    shared.runtime.logger.error('log offline', { directory: options.directory, error: error.message })
    return error
  }
}
