export type { Caller } from './group/classic/classic-groups.ts'
export type { GroupConfig } from './group/config.ts'
export type { GroupContext } from './group/context.ts'
export { type Described, GroupCoordinator, groupCoordinatorKind } from './group/group-coordinator.ts'
export { GroupMachine } from './group/group-machine.ts'
export type { GroupDescription, GroupListing } from './group/listing.ts'
export type { CommitReply } from './group/offsets/commit.ts'
export type { FetchedOffsets, FetchedTopic, OffsetQuery } from './group/offsets/fetch.ts'
export type { TopicImage, TopicsImage } from './group/topics-image.ts'
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
