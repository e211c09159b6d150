import {
  CoordinatorRuntime,
  type GroupConfig,
  GroupCoordinator,
  type GroupMachine,
  groupCoordinatorKind,
  type TopicImage,
} from '@ottla/coordinator'
import {
  ConsumerProtocolSubscription,
  DeleteGroupsRequest,
  encodeVersioned,
  HeartbeatRequest,
  type InputOf,
  JoinGroupRequest,
  LeaveGroupRequest,
  type Message,
  type MessageOf,
  OffsetCommitRequest,
  OffsetDeleteRequest,
  SyncGroupRequest,
  TxnOffsetCommitRequest,
  ZERO_UUID,
} from '@ottla/protocol'
import { MockHost } from './mock-host.ts'

/** A request as it comes off the wire: what is left out has its default. */
export function wire<M extends Message>(message: M, body: InputOf<M>, version = message.versions.max): MessageOf<M> {
  return message.decode(message.encode(version, body as never), version) as MessageOf<M>
}

export interface JoinOptions {
  readonly group?: string
  readonly memberId?: string
  readonly instanceId?: string | null
  readonly protocolType?: string
  readonly protocols?: readonly (readonly [name: string, metadata: string | Buffer])[]
  readonly sessionTimeoutMs?: number
  readonly rebalanceTimeoutMs?: number
  readonly version?: number
  readonly clientId?: string
}

export interface Joined {
  readonly errorCode: number
  readonly generationId: number
  readonly memberId: string
  readonly leader: string
  readonly protocolName: string | null
  readonly skipAssignment: boolean
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[]
}

/** What came of a request that may take its time. */
export interface Pending<T> {
  reply: T | null
}

export const PARTITION = 0

/** The group coordinator with one shard, a clock that stands still, and a log that does as it is told. */
export class GroupBench {
  readonly host = new MockHost()
  readonly config = {
    initialRebalanceDelayMs: 0,
    sessionTimeoutMsMin: 6000,
    sessionTimeoutMsMax: 1_800_000,
    membersMax: 1000,
    offsetMetadataBytesMax: 4096,
    offsetsRetentionMs: 7 * 24 * 3_600_000,
    offsetsCheckIntervalMs: 600_000,
    consumer: {
      sessionTimeoutMs: () => 45_000,
      heartbeatIntervalMs: () => 5_000,
      membersMax: 1000,
      assignors: ['uniform', 'range'],
      migrationPolicy: 'bidirectional',
    },
  } satisfies GroupConfig as { -readonly [K in keyof GroupConfig]: GroupConfig[K] }
  readonly topics = new Map<string, TopicImage>()
  topicsVersion = 0
  readonly runtime: CoordinatorRuntime<GroupMachine>
  readonly groups: GroupCoordinator
  machine: GroupMachine | null = null
  #ids = 0

  constructor() {
    const kind = groupCoordinatorKind({
      config: this.config,
      topics: () => ({
        version: this.topicsVersion,
        topic: (name) => this.topics.get(name),
        topicById: (id) => [...this.topics.values()].find(({ topicId }) => topicId === id),
        names: () => this.topics.keys(),
      }),
      newUuid: () => `id${++this.#ids}`,
      log: () => undefined,
    })
    this.runtime = new CoordinatorRuntime(
      {
        ...kind,
        create: (context) => {
          this.machine = kind.create(context)
          return this.machine
        },
      },
      this.host,
    )
    this.host.outcomes = this.runtime
    this.groups = new GroupCoordinator(this.runtime, () => PARTITION, this.config)
    this.load()
  }

  /** The coordinator starts anew from what is committed. */
  load(): void {
    this.host.feed(PARTITION, this.runtime.load(PARTITION))
  }

  join(options: JoinOptions = {}): Pending<Joined> {
    const { group = 'g', memberId = '', instanceId = null, version = 9, clientId = 'c' } = options
    const body = wire(JoinGroupRequest, {
      groupId: group,
      memberId,
      groupInstanceId: instanceId,
      sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? 60_000,
      protocolType: options.protocolType ?? 'consumer',
      protocols: (options.protocols ?? [['range', subscription('t')]]).map(([name, metadata]) => ({
        name,
        metadata: Buffer.from(metadata as string),
      })),
    })
    const pending: Pending<Joined> = { reply: null }
    this.groups.join({ apiVersion: version, clientId, clientHost: '/127.0.0.1' }, body, (reply) => {
      pending.reply = { skipAssignment: false, ...reply } as unknown as Joined
    })
    return pending
  }

  /** A dynamic member comes in, by way of MEMBER_ID_REQUIRED. */
  enter(options: JoinOptions = {}): { readonly memberId: string; readonly pending: Pending<Joined> } {
    const { memberId } = this.join(options).reply!
    return { memberId, pending: this.join({ ...options, memberId }) }
  }

  sync(
    memberId: string,
    generationId: number,
    assignments: Readonly<Record<string, string>> = {},
    more: { instanceId?: string; group?: string; protocolType?: string; protocolName?: string } = {},
  ): Pending<{ errorCode: number; assignment: string }> {
    const { instanceId = null, group = 'g', protocolType = null, protocolName = null } = more
    const body = wire(SyncGroupRequest, {
      groupId: group,
      generationId,
      memberId,
      groupInstanceId: instanceId,
      protocolType,
      protocolName,
      assignments: Object.entries(assignments).map(([id, text]) => ({ memberId: id, assignment: Buffer.from(text) })),
    })
    const pending: Pending<{ errorCode: number; assignment: string }> = { reply: null }
    this.groups.sync(body, ({ errorCode = 0, assignment }) => {
      pending.reply = { errorCode, assignment: (assignment as Buffer).toString() }
    })
    return pending
  }

  heartbeat(memberId: string, generationId: number, instanceId: string | null = null, group = 'g'): number {
    const body = wire(HeartbeatRequest, { groupId: group, generationId, memberId, groupInstanceId: instanceId })
    let code = -1
    this.groups.heartbeat(body, (errorCode) => {
      code = errorCode
    })
    return code
  }

  leave(...members: readonly { memberId?: string; instanceId?: string }[]): number[] {
    const body = wire(LeaveGroupRequest, {
      groupId: 'g',
      members: members.map(({ memberId = '', instanceId = null }) => ({ memberId, groupInstanceId: instanceId })),
    })
    let codes: number[] = []
    this.groups.leave(body, (reply) => {
      codes = reply.errorCode === 0 ? reply.members.map(({ errorCode }) => errorCode) : [reply.errorCode]
    })
    return codes
  }

  commit(
    offsets: Readonly<Record<string, number>>,
    by: {
      memberId?: string
      generation?: number
      instanceId?: string
      group?: string
      version?: number
      metadata?: string
      retentionMs?: number
    } = {},
  ): Pending<number[]> {
    const topics = Object.entries(offsets).map(([place, committedOffset]) => {
      const [name, partition] = place.split('-')
      const partitions = [{ partitionIndex: Number(partition), committedOffset, committedMetadata: by.metadata ?? '' }]
      return { name, partitions }
    })
    const version = by.version ?? 9
    const decoded = wire(
      OffsetCommitRequest,
      {
        groupId: by.group ?? 'g',
        generationIdOrMemberEpoch: by.generation ?? -1,
        memberId: by.memberId ?? '',
        groupInstanceId: by.instanceId ?? null,
        topics,
      },
      9,
    )
    const pending: Pending<number[]> = { reply: null }
    this.groups.commit({ ...decoded, retentionTimeMs: by.retentionMs ?? -1 }, version, (reply) => {
      pending.reply = reply.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode))
    })
    return pending
  }

  commitInTransaction(
    offsets: Readonly<Record<string, number>>,
    by: { producerId: number; producerEpoch?: number; group?: string; memberId?: string; generation?: number },
  ): Pending<number[]> {
    const body = wire(
      TxnOffsetCommitRequest,
      {
        transactionalId: 'tx',
        groupId: by.group ?? 'g',
        producerId: by.producerId,
        producerEpoch: by.producerEpoch ?? 0,
        generationIdOrMemberEpoch: by.generation ?? -1,
        memberId: by.memberId ?? '',
        topics: Object.entries(offsets).map(([place, committedOffset]) => {
          const [name, partition] = place.split('-')
          return { name, partitions: [{ partitionIndex: Number(partition), committedOffset, committedMetadata: '' }] }
        }),
      },
      5,
    )
    const pending: Pending<number[]> = { reply: null }
    this.groups.commitInTransaction(body, (reply) => {
      pending.reply = reply.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode))
    })
    return pending
  }

  endTransaction(producerId: number, commit: boolean): number {
    let code = -1
    const end = { producerId, producerEpoch: 0, coordinatorEpoch: 0, commit }
    this.runtime.endTransaction(PARTITION, end, (errorCode) => {
      code = errorCode
    })
    return code
  }

  /** By `topic-partition`; an error is negative, none is null. */
  offsets(group = 'g', places: readonly string[] | null = null, requireStable = false): Record<string, number | null> {
    const topics =
      places?.map((place) => {
        const [name, partition] = place.split('-')
        return { name, topicId: ZERO_UUID, partitionIndexes: [Number(partition)] }
      }) ?? null
    const fetched = this.groups.fetch({ groupId: group, memberId: null, memberEpoch: -1, topics, requireStable })
    if (fetched.errorCode !== 0) return { error: -fetched.errorCode }
    const found: Record<string, number | null> = {}
    for (const { name, partitions } of fetched.topics) {
      for (const { partitionIndex, committedOffset, errorCode } of partitions) {
        found[`${name}-${partitionIndex}`] =
          errorCode !== 0 ? -errorCode : committedOffset === -1 ? null : committedOffset
      }
    }
    return found
  }

  deleteOffsets(...places: readonly string[]): number | number[] {
    const topics = places.map((place) => {
      const [name, partition] = place.split('-')
      return { name, partitions: [{ partitionIndex: Number(partition) }] }
    })
    let codes: number | number[] = -1
    this.groups.deleteOffsets(wire(OffsetDeleteRequest, { groupId: 'g', topics }), (reply) => {
      codes =
        reply.errorCode !== 0
          ? reply.errorCode
          : reply.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode))
    })
    return codes
  }

  deleteGroup(group = 'g'): number {
    let code = -1
    const [groupId] = wire(DeleteGroupsRequest, { groupsNames: [group] }).groupsNames
    this.groups.deleteGroup(groupId, (errorCode) => {
      code = errorCode
    })
    return code
  }

  state(group = 'g'): string | null {
    return this.groups.describe(group).group?.state ?? null
  }

  /** A group with these many dynamic members, stable; the first leads. `m0` and so on are what they were assigned. */
  stable(members = 1, options: JoinOptions = {}): { readonly ids: string[]; readonly generation: number } {
    const entering = Array.from({ length: members }, () => this.enter(options))
    this.host.advance(this.config.initialRebalanceDelayMs)
    let joined = entering.map(({ pending }) => pending.reply)
    // Who came after the first round makes another.
    for (let round = 0; joined.some((reply) => reply === null) && round < 3; round++) {
      const again = entering.map(({ memberId }, i) =>
        joined[i] === null ? entering[i].pending : this.join({ ...options, memberId }),
      )
      joined = again.map(({ reply }) => reply)
    }
    const ids = entering.map(({ memberId }) => memberId)
    const generation = joined[0]!.generationId
    const leader = joined[0]!.leader
    const assignments = Object.fromEntries(ids.map((id, i) => [id, `m${i}`]))
    for (const id of ids) if (id !== leader) this.sync(id, generation, {}, { group: options.group })
    this.sync(leader, generation, assignments, { group: options.group })
    return { ids, generation }
  }
}

/** What a consumer says about itself. */
export function subscription(...topics: readonly string[]): Buffer {
  return encodeVersioned(ConsumerProtocolSubscription, 1, { topics: [...topics], userData: null, ownedPartitions: [] })
}
