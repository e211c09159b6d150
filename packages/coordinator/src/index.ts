export type { EndOfTransaction, InTransaction } from './runtime/batches.ts'
export {
  type CoordinatorHost,
  type CoordinatorKind,
  CoordinatorRuntime,
  type ShardLoader,
} from './runtime/coordinator-runtime.ts'
export { Later } from './runtime/later.ts'
export { CoordinatorError, type Outcome, replyOnly } from './runtime/outcome.ts'
export { coordinatorPartition, javaHash } from './runtime/partition-of.ts'
export { type CoordinatorRecord, RecordType, RecordTypes } from './runtime/record.ts'
export type { CoordinatorMachine, MachineContext } from './runtime/shard.ts'
export { Timeline } from './runtime/timeline.ts'
export { TimelineMap } from './runtime/timeline-map.ts'
export type { CoordinatorTimers, HostTimers } from './runtime/timers.ts'
