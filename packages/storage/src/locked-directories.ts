import type { LogDirectory } from './log-directory.ts'
import type { LogManagerOptions } from './manager-types.ts'

/** What locking needs to know; an id of the cluster is compared with that of the directories. */
export type LockOptions = Pick<
  LogManagerOptions,
  'directories' | 'identity' | 'isAlive' | 'adopt' | 'nodeId' | 'clusterId'
>

/**
 * All `log.dirs` of a broker, held by this process and not yet read. Whoever keeps other files in them opens those now,
 * then `LogManager.open` takes over.
 */
export class LockedDirectories {
  readonly directories: readonly LogDirectory[]

  constructor(directories: readonly LogDirectory[]) {
    this.directories = directories
  }

  /** As the directories say; `null` when none of them has been used before. */
  get clusterId(): string | null {
    return this.directories.find((directory) => directory.meta?.clusterId != null)?.meta?.clusterId ?? null
  }

  release(): void {
    for (const directory of this.directories) directory.abandon(true)
  }
}
