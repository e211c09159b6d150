export { BufferPool, POOLED_BYTES_MAX } from './memory/buffer-pool.ts'
export { nearestName } from './nearest-name.ts'
export type { Clock, TimerHandle, TimerOptions, Timers } from './ports/clock.ts'
export type {
  DiskSpace,
  File,
  FileRange,
  FileStat,
  FileSystem,
  OpenMode,
  ReadDone,
  WriteDone,
} from './ports/file-system.ts'
export type { LogFields, Logger, LogLevel } from './ports/logger.ts'
export { silentLogger } from './ports/logger.ts'
export type {
  ConnectOptions,
  Listener,
  ListenOptions,
  Network,
  Socket,
  SocketHandlers,
  TlsOptions,
} from './ports/network.ts'
export type { Random, SecureRandom } from './ports/random.ts'
export type { Runtime } from './runtime.ts'
