import {
  type DeleteGroupsRequest,
  type DescribeGroupsRequest,
  ErrorCode,
  type MessageOf,
  type OffsetDeleteRequest,
} from '@ottla/protocol'
import type { CoordinatorKind, CoordinatorRuntime } from '../runtime/coordinator-runtime.ts'
import type { MachineContext } from '../runtime/shard.ts'
import type { Caller, JoinBody, LeaveBody, LeaveReply } from './classic/classic-groups.ts'
import { type JoinReply, joinRefusal, type SyncReply } from './classic/member.ts'
import type { HeartbeatBody } from './classic/membership.ts'
import { type SyncBody, syncRefusal } from './classic/rounds.ts'
import type { GroupConfig } from './config.ts'
import type { ConsumerGroupDescription } from './consumer/describe.ts'
import { type HeartbeatReply, heartbeatRefusal } from './consumer/heartbeats.ts'
import type { HeartbeatBody as ConsumerHeartbeatBody } from './consumer/validation.ts'
import type { GroupContext } from './context.ts'
import { type DeleteOffsetsReply, GroupMachine, groupRecordTypes } from './group-machine.ts'
import type { GroupDescription, GroupListing } from './listing.ts'
import { type CommitBody, type CommitReply, refuseCommit, type TxnCommitBody } from './offsets/commit.ts'
import type { FetchedOffsets, OffsetQuery } from './offsets/fetch.ts'

/** How the machines of groups are made, for their runtime. */
export function groupCoordinatorKind(common: Omit<GroupContext, keyof MachineContext>): CoordinatorKind<GroupMachine> {
  return {
    name: 'group',
    recordTypes: groupRecordTypes,
    create: (context) => new GroupMachine({ ...common, ...context }),
  }
}

export type DescribeBody = MessageOf<typeof DescribeGroupsRequest>
export type DeleteGroupsBody = MessageOf<typeof DeleteGroupsRequest>
export type OffsetDeleteBody = MessageOf<typeof OffsetDeleteRequest>

/** What is told of a group that was asked for by name. */
export interface Described {
  readonly groupId: string
  readonly errorCode: number
  /** Null with an error, and for a group that does not exist. */
  readonly group: GroupDescription | null
}

/**
 * The group coordinator as its requests see it: finds the shard, and says no where no shard can be asked
 * (`GroupCoordinatorService` in Apache Kafka). `done` is called exactly once, perhaps before the call returns.
 */
export class GroupCoordinator {
  readonly #runtime: CoordinatorRuntime<GroupMachine>
  readonly #partitionOf: (groupId: string) => number
  readonly #config: GroupConfig

  /** `partitionOf`: where the group is kept; -1 while there is no place for groups yet. */
  constructor(
    runtime: CoordinatorRuntime<GroupMachine>,
    partitionOf: (groupId: string) => number,
    config: GroupConfig,
  ) {
    this.#runtime = runtime
    this.#partitionOf = partitionOf
    this.#config = config
  }

  join(caller: Caller, body: JoinBody, done: (reply: JoinReply) => void): void {
    const { groupId, memberId, sessionTimeoutMs } = body
    const refused = (errorCode: number): JoinReply => joinRefusal(memberId, errorCode)
    const { sessionTimeoutMsMin, sessionTimeoutMsMax } = this.#config
    if (groupId === '') done(refused(ErrorCode.INVALID_GROUP_ID))
    else if (sessionTimeoutMs < sessionTimeoutMsMin || sessionTimeoutMs > sessionTimeoutMsMax) {
      done(refused(ErrorCode.INVALID_SESSION_TIMEOUT))
    } else this.#runtime.write(this.#partitionOf(groupId), (m, now) => m.join(caller, body, now), refused, done)
  }

  consumerHeartbeat(caller: Caller, body: ConsumerHeartbeatBody, done: (reply: HeartbeatReply) => void): void {
    const { groupId } = body
    const refused = (errorCode: number): HeartbeatReply => heartbeatRefusal(errorCode)
    if (groupId === '') done(heartbeatRefusal(ErrorCode.INVALID_REQUEST, "GroupId can't be empty."))
    else
      this.#runtime.write(this.#partitionOf(groupId), (m, now) => m.consumerHeartbeat(caller, body, now), refused, done)
  }

  sync(body: SyncBody, done: (reply: SyncReply) => void): void {
    const { groupId } = body
    if (groupId === '') done(syncRefusal(ErrorCode.INVALID_GROUP_ID))
    else this.#runtime.write(this.#partitionOf(groupId), (m, now) => m.sync(body, now), syncRefusal, done)
  }

  heartbeat(body: HeartbeatBody, done: (errorCode: number) => void): void {
    const { groupId } = body
    if (groupId === '') done(ErrorCode.INVALID_GROUP_ID)
    else {
      const refused = (errorCode: number): number =>
        // A member goes on while its coordinator reads what it knows of it: nothing is decided meanwhile.
        errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ? ErrorCode.NONE : errorCode
      this.#runtime.write(this.#partitionOf(groupId), (m) => m.heartbeat(body), refused, done)
    }
  }

  leave(body: LeaveBody, done: (reply: LeaveReply) => void): void {
    const { groupId } = body
    const refused = (errorCode: number): LeaveReply => ({ errorCode, members: [] })
    if (groupId === '') done(refused(ErrorCode.INVALID_GROUP_ID))
    else this.#runtime.write(this.#partitionOf(groupId), (m, now) => m.leave(body, now), refused, done)
  }

  commit(body: CommitBody, apiVersion: number, done: (reply: CommitReply) => void): void {
    const refused = (errorCode: number): CommitReply => refuseCommit(body.topics, errorCode)
    this.#runtime.write(this.#partitionOf(body.groupId), (m, now) => m.commit(body, apiVersion, now), refused, done)
  }

  commitInTransaction(body: TxnCommitBody, done: (reply: CommitReply) => void): void {
    const { groupId, producerId, producerEpoch } = body
    const refused = (errorCode: number): CommitReply => refuseCommit(body.topics, errorCode)
    if (groupId === '') done(refused(ErrorCode.INVALID_GROUP_ID))
    else {
      const transaction = { producerId, producerEpoch }
      const run = (m: GroupMachine, now: number) => m.commitInTransaction(body, now)
      this.#runtime.write(this.#partitionOf(groupId), run, refused, done, transaction)
    }
  }

  fetch(query: OffsetQuery): FetchedOffsets {
    const { groupId } = query
    const refused = (errorCode: number): FetchedOffsets => ({ groupId, errorCode, topics: [] })
    return this.#runtime.read(this.#partitionOf(groupId), (m) => m.fetch(query), refused)
  }

  deleteOffsets({ groupId, topics }: OffsetDeleteBody, done: (reply: DeleteOffsetsReply) => void): void {
    const refused = (errorCode: number): DeleteOffsetsReply => ({ errorCode, topics: [] })
    if (groupId === '') done(refused(ErrorCode.INVALID_GROUP_ID))
    else this.#runtime.write(this.#partitionOf(groupId), (m) => m.deleteOffsets(groupId, topics), refused, done)
  }

  /** Of every shard; COORDINATOR_LOAD_IN_PROGRESS while one of them does not know its groups yet. */
  list(): { readonly errorCode: number; readonly groups: readonly GroupListing[] } {
    if (this.#runtime.isLoading) return { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, groups: [] }
    const groups = this.#runtime.activePartitions().flatMap((partition) =>
      this.#runtime.read<GroupListing[]>(
        partition,
        (m) => m.list(),
        () => [],
      ),
    )
    return { errorCode: ErrorCode.NONE, groups }
  }

  describe(groupId: string): Described {
    if (groupId === '') return { groupId, errorCode: ErrorCode.INVALID_GROUP_ID, group: null }
    return this.#runtime.read<Described>(
      this.#partitionOf(groupId),
      (m) => ({ groupId, errorCode: ErrorCode.NONE, group: m.describe(groupId) }),
      (errorCode) => ({ groupId, errorCode, group: null }),
    )
  }

  /** `group` is null with an error, and for what is no group of the consumer protocol. */
  describeConsumer(groupId: string): { readonly errorCode: number; readonly group: ConsumerGroupDescription | null } {
    if (groupId === '') return { errorCode: ErrorCode.INVALID_GROUP_ID, group: null }
    return this.#runtime.read<{ errorCode: number; group: ConsumerGroupDescription | null }>(
      this.#partitionOf(groupId),
      (m) => ({ errorCode: ErrorCode.NONE, group: m.describeConsumer(groupId) }),
      (errorCode) => ({ errorCode, group: null }),
    )
  }

  deleteGroup(groupId: string, done: (errorCode: number) => void): void {
    if (groupId === '') done(ErrorCode.INVALID_GROUP_ID)
    else {
      const run = (m: GroupMachine, now: number) => m.deleteGroup(groupId, now)
      this.#runtime.write<number>(this.#partitionOf(groupId), run, (errorCode) => errorCode, done)
    }
  }

  /** Nobody can go on from an offset in a topic that is gone. */
  topicDeleted(name: string): void {
    const names = new Set([name])
    this.#runtime.writeAll((m) => m.topicsDeleted(names))
  }
}
