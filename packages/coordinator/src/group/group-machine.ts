import { ErrorCode } from '@ottla/protocol'
import { type Outcome, replyOnly } from '../runtime/outcome.ts'
import { type CoordinatorRecord, RecordTypes } from '../runtime/record.ts'
import type { CoordinatorMachine } from '../runtime/shard.ts'
import type { ClassicGroup } from './classic/classic-group.ts'
import { type Caller, ClassicGroups, type JoinBody, type LeaveBody, type LeaveReply } from './classic/classic-groups.ts'
import { type JoinReply, joinRefusal, type SyncReply } from './classic/member.ts'
import type { HeartbeatBody } from './classic/membership.ts'
import type { SyncBody } from './classic/rounds.ts'
import { isSubscribed } from './classic/subscription.ts'
import { ClassicMembers } from './consumer/classic-members.ts'
import type { ConsumerGroupConfig } from './consumer/config.ts'
import { ConsumerGroups } from './consumer/consumer-groups.ts'
import { Departures } from './consumer/departures.ts'
import { type ConsumerGroupDescription, describeConsumer, listedConsumer } from './consumer/describe.ts'
import { type HeartbeatReply, Heartbeats, heartbeatRefusal } from './consumer/heartbeats.ts'
import * as consumerOffsets from './consumer/offsets.ts'
import { consumerRecordTypes } from './consumer/records.ts'
import { ConsumerSessions } from './consumer/sessions.ts'
import { upgraded } from './consumer/upgrade.ts'
import type { HeartbeatBody as ConsumerHeartbeatBody } from './consumer/validation.ts'
import type { GroupContext } from './context.ts'
import { describeClassic, type GroupDescription, type GroupListing, listed } from './listing.ts'
import { type CommitBody, type CommitReply, commitOffsets, refuseCommit, type TxnCommitBody } from './offsets/commit.ts'
import { deleteRecord } from './offsets/committed-offset.ts'
import { expiredOffsets, type GroupInUse } from './offsets/expiry.ts'
import { type FetchedOffsets, fetchOffsets, type OffsetQuery } from './offsets/fetch.ts'
import { OffsetStore } from './offsets/offset-store.ts'
import { groupMetadata, legacyOffsetCommit, offsetCommit } from './records.ts'

export const groupRecordTypes = new RecordTypes([
  legacyOffsetCommit,
  offsetCommit,
  groupMetadata,
  ...consumerRecordTypes,
])

const EXPIRY_KEY = 'expiry'
/** From here on a commit to a group that does not exist is told so. */
const GROUP_ID_NOT_FOUND_VERSION = 9

/** The groups of one partition of `__consumer_offsets`, and their offsets (`GroupCoordinatorShard` in Apache Kafka). */
export class GroupMachine implements CoordinatorMachine {
  readonly #context: GroupContext
  readonly classic: ClassicGroups
  readonly consumer: ConsumerGroups
  readonly offsets: OffsetStore
  readonly #sessions: ConsumerSessions
  readonly #consumerHeartbeats: Heartbeats
  readonly #classicMembers: ClassicMembers

  constructor(context: GroupContext) {
    this.#context = context
    this.classic = new ClassicGroups(context)
    this.consumer = new ConsumerGroups(context)
    const departures = new Departures(context, this.classic)
    this.#sessions = new ConsumerSessions(context, this.consumer, (group, memberId, why, nowMs) => {
      context.log('member is put out of its consumer group', { group: group.groupId, member: memberId, why })
      return departures.depart(group, [memberId], nowMs)
    })
    this.#consumerHeartbeats = new Heartbeats(context, this.consumer, this.#sessions, departures)
    this.#classicMembers = new ClassicMembers(context, this.#sessions, departures)
    this.offsets = new OffsetStore(context.timeline)
  }

  // ---- what lasts

  replay(offset: number, producerId: number, _producerEpoch: number, record: CoordinatorRecord): void {
    const { type, key, value } = record
    switch (type.id) {
      case legacyOffsetCommit.id:
      case offsetCommit.id:
        if (value === null) this.offsets.delete(key)
        else this.offsets.replay(key, value, offset, producerId)
        return
      case groupMetadata.id:
        this.classic.replay(key.group, value)
        return
      default:
        if (this.consumer.replay(record)) return
        throw new Error(`no replay for records of type ${type.id}`)
    }
  }

  replayEndTransaction(producerId: number, _producerEpoch: number, commit: boolean): void {
    this.offsets.endTransaction(producerId, commit)
  }

  loaded(_nowMs: number): void {
    this.classic.loaded()
    this.#sessions.loaded()
    this.#scheduleExpiry()
  }

  unloaded(): void {
    this.classic.unloaded()
  }

  // ---- membership

  join(caller: Caller, body: JoinBody, nowMs: number): Outcome<JoinReply> {
    const consumer = this.consumer.get(body.groupId)
    if (consumer === undefined) return this.classic.join(caller, body, nowMs)
    if (!consumer.isEmpty) return this.#classicMembers.join(consumer, caller, body, nowMs)
    // An empty group may change its protocol, but not for one who is no member of it.
    if (body.memberId !== '') return replyOnly(joinRefusal(body.memberId, ErrorCode.UNKNOWN_MEMBER_ID))
    const { records, ...outcome } = this.classic.join(caller, body, nowMs)
    return { ...outcome, records: [...this.consumer.tombstones(consumer), ...records] }
  }

  consumerHeartbeat(caller: Caller, body: ConsumerHeartbeatBody, nowMs: number): Outcome<HeartbeatReply> {
    const { groupId, memberEpoch } = body
    const classic = this.classic.get(groupId)
    if (classic === undefined || this.consumer.get(groupId) !== undefined) {
      return this.#consumerHeartbeats.heartbeat(caller, body, nowMs)
    }
    const { topics, config } = this.#context
    // Who was only given a name is no member yet.
    const isIdle = classic.is('Empty')
    const records = isIdle
      ? []
      : mayBecomeConsumer(classic, config.consumer)
        ? upgraded(classic, topics(), nowMs)
        : null
    if (memberEpoch !== 0 || records === null) {
      const why = `Group ${groupId} is not a consumer group.`
      return replyOnly(heartbeatRefusal(ErrorCode.GROUP_ID_NOT_FOUND, why))
    }
    const becoming = isIdle ? null : ConsumerGroups.draft(this.#context, groupId, records)
    const outcome = this.#consumerHeartbeats.heartbeat(caller, body, nowMs, becoming)
    if (outcome.records.length === 0) return outcome
    const stored = this.classic.stored.get(groupId) !== undefined ? [this.classic.tombstone(groupId)] : []
    const forgotten = this.classic.forget(groupId, nowMs)
    for (const { memberId, sessionTimeoutMs } of classic.members.values()) {
      this.#sessions.heardOf(groupId, memberId, sessionTimeoutMs)
    }
    const onAppended = (errorCode: number): void => {
      if (errorCode !== ErrorCode.NONE) forgotten.undo()
      this.classic.askAgain(classic)
    }
    return { ...outcome, records: [...stored, ...records, ...outcome.records], onAppended }
  }

  sync(body: SyncBody, nowMs: number): Outcome<SyncReply> {
    const consumer = this.consumer.get(body.groupId)
    if (consumer !== undefined) return this.#classicMembers.sync(consumer, body)
    return this.classic.rounds.sync(this.classic.get(body.groupId), body, nowMs)
  }

  heartbeat(body: HeartbeatBody): Outcome<number> {
    const consumer = this.consumer.get(body.groupId)
    if (consumer !== undefined) return replyOnly(this.#classicMembers.heartbeat(consumer, body))
    return replyOnly(this.classic.membership.heartbeat(this.classic.get(body.groupId), body))
  }

  leave(body: LeaveBody, nowMs: number): Outcome<LeaveReply> {
    const consumer = this.consumer.get(body.groupId)
    if (consumer !== undefined) return this.#classicMembers.leave(consumer, body, nowMs)
    return this.classic.leave(body, nowMs)
  }

  // ---- offsets

  commit(body: CommitBody, apiVersion: number, nowMs: number): Outcome<CommitReply> {
    const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch, topics } = body
    const consumer = this.consumer.get(groupId)
    if (consumer !== undefined) {
      const code = consumerOffsets.commitProblem(consumer, body, apiVersion, this.#context.topics())
      if (code !== ErrorCode.NONE) return replyOnly(refuseCommit(topics, code))
      return commitOffsets(groupId, topics, body.retentionTimeMs, this.#context.config, nowMs)
    }
    const group = this.#groupForCommit(groupId, generationIdOrMemberEpoch, nowMs)
    if (group === undefined) {
      const code =
        apiVersion >= GROUP_ID_NOT_FOUND_VERSION ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION
      return replyOnly(refuseCommit(topics, code))
    }
    const problem = commitProblem(group, memberId, groupInstanceId, generationIdOrMemberEpoch, false)
    if (problem !== ErrorCode.NONE) return replyOnly(refuseCommit(topics, problem))
    this.classic.membership.heardByCommit(group, memberId)
    return commitOffsets(groupId, topics, body.retentionTimeMs, this.#context.config, nowMs)
  }

  commitInTransaction(body: TxnCommitBody, nowMs: number): Outcome<CommitReply> {
    const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch, topics } = body
    const consumer = this.consumer.get(groupId)
    if (consumer !== undefined) {
      const code = consumerOffsets.commitProblem(consumer, body, null, this.#context.topics())
      if (code !== ErrorCode.NONE) return replyOnly(refuseCommit(topics, code))
      return commitOffsets(groupId, topics, -1, this.#context.config, nowMs)
    }
    const group = this.#groupForCommit(groupId, generationIdOrMemberEpoch, nowMs)
    const problem =
      group === undefined
        ? ErrorCode.ILLEGAL_GENERATION
        : commitProblem(group, memberId, groupInstanceId, generationIdOrMemberEpoch, true)
    if (problem !== ErrorCode.NONE) return replyOnly(refuseCommit(topics, problem))
    return commitOffsets(groupId, topics, -1, this.#context.config, nowMs)
  }

  /** Whoever commits without a generation needs no group: one without members is made for the offsets. */
  #groupForCommit(groupId: string, generation: number, nowMs: number): ClassicGroup | undefined {
    const group = this.classic.get(groupId)
    return group === undefined && generation < 0 ? this.classic.getOrCreate(groupId, nowMs) : group
  }

  fetch(query: OffsetQuery): FetchedOffsets {
    const { groupId, memberId, memberEpoch } = query
    const consumer = this.consumer.committed(groupId)
    const errorCode =
      consumer === undefined ? ErrorCode.NONE : consumerOffsets.fetchProblem(consumer, memberId, memberEpoch)
    return errorCode === ErrorCode.NONE ? fetchOffsets(this.offsets, query) : { groupId, errorCode, topics: [] }
  }

  /** Of topics that no member reads. */
  deleteOffsets(
    groupId: string,
    topics: readonly { readonly name: string; readonly partitions: readonly { readonly partitionIndex: number }[] }[],
  ): Outcome<DeleteOffsetsReply> {
    const isRead = this.#readers(groupId)
    if (typeof isRead === 'number') return replyOnly<DeleteOffsetsReply>({ errorCode: isRead, topics: [] })
    const records: CoordinatorRecord[] = []
    const answered = topics.map(({ name, partitions }) => {
      const hasReader = isRead(name)
      return {
        name,
        partitions: partitions.map(({ partitionIndex }) => {
          const place = { group: groupId, topic: name, partition: partitionIndex }
          const isThere = this.offsets.latest(place) !== undefined || this.offsets.hasPending(place)
          if (!hasReader && isThere) records.push(deleteRecord(place))
          return { partitionIndex, errorCode: hasReader ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC : ErrorCode.NONE }
        }),
      }
    })
    return { records, reply: { errorCode: ErrorCode.NONE, topics: answered } }
  }

  /** Tells whether some member reads a topic; or why that cannot be said. */
  #readers(groupId: string): ((topic: string) => boolean) | number {
    const consumer = this.consumer.get(groupId)
    if (consumer !== undefined) return (topic) => consumerOffsets.isSubscribedTo(consumer, topic)
    const group = this.#find(groupId)
    if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND
    if (group.is('Empty', 'Dead')) return () => false
    return group.protocolType === 'consumer' ? (topic) => isSubscribed(group, topic) : ErrorCode.NON_EMPTY_GROUP
  }

  /** The offsets of topics that have been deleted. */
  topicsDeleted(names: ReadonlySet<string>): Outcome<void> {
    return { records: this.offsets.placesIn(names).map(deleteRecord), reply: undefined, separable: true }
  }

  // ---- groups as a whole

  /** One without members, with its offsets. */
  deleteGroup(groupId: string, nowMs: number): Outcome<number> {
    const consumer = this.consumer.get(groupId)
    if (consumer !== undefined) {
      if (!consumer.isEmpty) return replyOnly<number>(ErrorCode.NON_EMPTY_GROUP)
      const offsets = this.offsets.placesOf(groupId).map(deleteRecord)
      return { records: [...offsets, ...this.consumer.tombstones(consumer)], reply: ErrorCode.NONE }
    }
    const group = this.#find(groupId)
    if (group === undefined || group.is('Dead')) return replyOnly<number>(ErrorCode.GROUP_ID_NOT_FOUND)
    if (!group.is('Empty')) return replyOnly<number>(ErrorCode.NON_EMPTY_GROUP)
    const records: CoordinatorRecord[] = this.offsets.placesOf(groupId).map(deleteRecord)
    if (this.classic.stored.get(groupId) !== undefined) records.push(this.classic.tombstone(groupId))
    const forgotten = this.classic.forget(groupId, nowMs)
    const onAppended = (errorCode: number): void => {
      if (errorCode !== ErrorCode.NONE) forgotten.undo()
    }
    return { records, reply: ErrorCode.NONE, onAppended }
  }

  /** Sorted by nothing in particular. */
  list(): GroupListing[] {
    const groups = new Map<string, GroupListing>()
    for (const group of this.classic.all()) groups.set(group.groupId, listed(group))
    for (const group of this.consumer.allCommitted())
      groups.set(group.groupId, listedConsumer(group, group.committed()!))
    for (const groupId of this.offsets.groups()) {
      if (!groups.has(groupId)) groups.set(groupId, { groupId, protocolType: '', state: 'Empty', type: 'Classic' })
    }
    return [...groups.values()]
  }

  /** Null: there is no such group. */
  describe(groupId: string): GroupDescription | null {
    const group = this.classic.get(groupId)
    if (group !== undefined && !group.is('Dead')) return describeClassic(group)
    if (!this.offsets.hasAny(groupId) || this.consumer.committed(groupId) !== undefined) return null
    return { state: 'Empty', protocolType: '', protocol: '', members: [] }
  }

  /** Null: there is no such group of the consumer protocol. */
  describeConsumer(groupId: string): ConsumerGroupDescription | null {
    const view = this.consumer.committed(groupId)?.committed() ?? null
    return view === null ? null : describeConsumer(view, this.#context)
  }

  /** A group that has nothing but offsets is one without members. */
  #find(groupId: string): ClassicGroup | undefined {
    const group = this.classic.get(groupId)
    if (group !== undefined || !this.offsets.isUsedBy(groupId)) return group
    return this.classic.getOrCreate(groupId, -1)
  }

  // ---- expiry

  #scheduleExpiry(): void {
    this.#context.timers.schedule(EXPIRY_KEY, this.#context.config.offsetsCheckIntervalMs, (nowMs) => {
      this.#scheduleExpiry()
      return this.expire(nowMs)
    })
  }

  /** Deletes what has been kept for long enough, and groups of which nothing is left. */
  expire(nowMs: number): Outcome<void> {
    this.offsets.sweep()
    const records: CoordinatorRecord[] = []
    const forgotten: { undo(): void }[] = []
    this.consumer.sweep()
    const { offsetsRetentionMs } = this.#context.config
    for (const group of this.consumer.all()) {
      const inUse = { groupId: group.groupId, isInUse: !group.isEmpty, leftMs: group.leftMs }
      const expired = expiredOffsets(this.offsets, inUse, offsetsRetentionMs, nowMs)
      records.push(...expired.records)
      if (group.isEmpty && expired.isBare) records.push(...this.consumer.tombstones(group))
    }
    for (const groupId of this.offsets.allGroups()) {
      if (this.consumer.get(groupId) === undefined) this.#find(groupId)
    }
    for (const group of [...this.classic.all()]) {
      const expired = expiredOffsets(this.offsets, inUseOf(group), offsetsRetentionMs, nowMs)
      records.push(...expired.records)
      if (!group.is('Empty') || group.pendingJoin.size > 0 || !expired.isBare) continue
      if (this.classic.stored.get(group.groupId) !== undefined) records.push(this.classic.tombstone(group.groupId))
      forgotten.push(this.classic.forget(group.groupId, nowMs))
    }
    const onAppended = (errorCode: number): void => {
      if (errorCode !== ErrorCode.NONE) for (const group of forgotten) group.undo()
    }
    return { records, reply: undefined, onAppended, separable: true }
  }
}

export interface DeleteOffsetsReply {
  readonly errorCode: number
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[]
  }[]
}

function mayBecomeConsumer(classic: ClassicGroup, { migrationPolicy, membersMax }: ConsumerGroupConfig): boolean {
  return ['upgrade', 'bidirectional'].includes(migrationPolicy) && classic.members.size <= membersMax
}

function inUseOf(group: ClassicGroup): GroupInUse {
  const hadMembers = group.protocolType !== null && group.stateTimestampMs >= 0
  return {
    groupId: group.groupId,
    isInUse: !group.is('Empty') || group.pendingJoin.size > 0,
    leftMs: hadMembers ? group.stateTimestampMs : -1,
  }
}

/** Who may commit for the group; see the table in `classic/state.ts`. */
function commitProblem(
  group: ClassicGroup,
  memberId: string,
  instanceId: string | null,
  generation: number,
  inTransaction: boolean,
): number {
  if (group.is('Dead')) return ErrorCode.COORDINATOR_NOT_AVAILABLE
  if (generation < 0 && group.is('Empty')) return ErrorCode.NONE
  if (generation >= 0 || memberId !== '' || instanceId !== null) {
    const problem = group.memberProblem(memberId, instanceId)
    if (problem !== ErrorCode.NONE) return problem
    if (generation !== group.generation) return ErrorCode.ILLEGAL_GENERATION
  } else if (!inTransaction && !group.is('Empty')) {
    return ErrorCode.UNKNOWN_MEMBER_ID
  }
  // The member knows of a generation whose partitions it does not have yet.
  if (!inTransaction && group.is('CompletingRebalance')) return ErrorCode.REBALANCE_IN_PROGRESS
  return ErrorCode.NONE
}
