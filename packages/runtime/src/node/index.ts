import type { FileSystem } from '../ports/file-system.ts'
import { type Logger, silentLogger } from '../ports/logger.ts'
import type { Runtime } from '../runtime.ts'
import { nodeClock } from './clock.ts'
import { nodeFileSystem } from './file-system.ts'
import { nodeNetwork } from './network.ts'
import { nodeRandom, nodeSecureRandom } from './random.ts'
import { nodeTimers } from './timers.ts'

export { nodeClock } from './clock.ts'
export { nodeFileSystem } from './file-system.ts'
export { type NodeLogger, type NodeLoggerOptions, nodeLogger } from './logger.ts'
export { type MemoryFileSystemOptions, memoryFileSystem } from './memory-file-system.ts'
export { nodeNetwork } from './network.ts'
export { nodeRandom, nodeSecureRandom } from './random.ts'
export { nodeTimers } from './timers.ts'

export interface NodeRuntimeOptions {
  /** Default: no log at all. See `nodeLogger`. */
  readonly logger?: Logger
  /** Default: the disk. See `memoryFileSystem`. */
  readonly fs?: FileSystem
}

/** The real world: Node's clock, timers, disk, sockets and randomness. */
export function nodeRuntime(options: NodeRuntimeOptions = {}): Runtime {
  return {
    clock: nodeClock,
    timers: nodeTimers,
    random: nodeRandom,
    secureRandom: nodeSecureRandom,
    fs: options.fs ?? nodeFileSystem,
    net: nodeNetwork,
    logger: options.logger ?? silentLogger,
  }
}
