import type { Clock, Timers } from './ports/clock.ts'
import type { FileSystem } from './ports/file-system.ts'
import type { Logger } from './ports/logger.ts'
import type { Network } from './ports/network.ts'
import type { Random, SecureRandom } from './ports/random.ts'

/**
 * Everything a component may know of the outside world. `nodeRuntime()` is the real one, `packages/runtime/src/sim`
 * has the simulated one, and mixtures are made by spreading: `{ ...nodeRuntime(), fs: memoryFileSystem() }`.
 */
export interface Runtime {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly secureRandom: SecureRandom
  readonly fs: FileSystem
  readonly net: Network
  readonly logger: Logger
}
