import type { ConsumerHeartbeatReply } from '@ottla/coordinator'
import { ConsumerGroupHeartbeatRequest, ErrorCode, type InputOf, OffsetCommitRequest } from '@ottla/protocol'
import { GroupBench, PARTITION, wire } from './group-bench.ts'

type Body = Partial<InputOf<typeof ConsumerGroupHeartbeatRequest>>

/** Partitions by the name of their topic. */
export type Owned = Readonly<Record<string, readonly number[]>>

/** A client of the consumer protocol: does what it is told by the coordinator, one heartbeat after the other. */
export class ConsumerClient {
  readonly bench: ConsumerBench
  readonly memberId: string
  readonly instanceId: string | null
  readonly group: string
  topics: readonly string[]
  regex: string | null = null
  epoch = 0
  owned: Owned = {}
  /** What it has been told to have, and has not taken up yet: giving up takes time. */
  #told: Owned | null = null

  constructor(bench: ConsumerBench, memberId: string, topics: readonly string[], more: Partial<ConsumerClient> = {}) {
    this.bench = bench
    this.memberId = memberId
    this.topics = topics
    this.instanceId = more.instanceId ?? null
    this.group = more.group ?? 'g'
    this.regex = more.regex ?? null
  }

  /** The next heartbeat, in full; null if it is not answered yet. */
  beat(more: Body = {}): ConsumerHeartbeatReply | null {
    this.#settle()
    return this.take(
      this.bench.beat({
        groupId: this.group,
        memberId: this.memberId,
        memberEpoch: this.epoch,
        instanceId: this.instanceId,
        rebalanceTimeoutMs: 60_000,
        subscribedTopicNames: this.regex === null ? [...this.topics] : null,
        subscribedTopicRegex: this.regex,
        topicPartitions: this.bench.listOf(this.owned),
        ...more,
      }),
    )
  }

  /** A heartbeat that says only what it has; what its answer takes from the member, or gives it, has to wait until it is no longer `busy`. */
  beatSlowly(isBusy: boolean): ConsumerHeartbeatReply | null {
    if (!isBusy) this.#settle()
    const before = this.owned
    const { group, memberId, epoch, instanceId } = this
    const reply = this.take(
      this.bench.beat({
        groupId: group,
        memberId,
        memberEpoch: epoch,
        instanceId,
        topicPartitions: this.bench.listOf(this.owned),
      }),
    )
    if (this.epoch > 0 && this.owned !== before) {
      this.#told = this.owned
      this.owned = before
    }
    return reply
  }

  /** The answer is lost on its way. */
  beatUnheard(): void {
    this.#settle()
    const { epoch, owned } = this
    this.beat()
    this.epoch = epoch
    this.owned = owned
  }

  #settle(): void {
    if (this.#told !== null && this.epoch > 0) this.owned = this.#told
    this.#told = null
  }

  take(reply: ConsumerHeartbeatReply | null): ConsumerHeartbeatReply | null {
    if (reply === null) return null
    if (reply.errorCode === ErrorCode.NONE) {
      this.epoch = reply.memberEpoch
      if (reply.assignment !== null) this.owned = this.bench.ownedIn(reply)
    } else if (reply.errorCode === ErrorCode.FENCED_MEMBER_EPOCH || reply.errorCode === ErrorCode.UNKNOWN_MEMBER_ID) {
      this.epoch = 0
      this.owned = {}
    }
    return reply
  }

  leave(epoch = -1): ConsumerHeartbeatReply | null {
    const { group, memberId, instanceId } = this
    this.epoch = 0
    this.owned = {}
    return this.bench.beat({ groupId: group, memberId, instanceId, memberEpoch: epoch })
  }
}

/** The group coordinator under test, as consumers of the new protocol use it. */
export class ConsumerBench extends GroupBench {
  /** Grows to `partitions`, or comes. */
  topic(name: string, partitions: number, racks: readonly (readonly string[])[] = []): void {
    const id = Buffer.alloc(16)
    id.write(name)
    this.topics.set(name, { name, topicId: id.toString('base64url'), partitions, racks })
    this.topicsVersion++
  }

  dropTopic(name: string): void {
    this.topics.delete(name)
    this.topicsVersion++
  }

  client(memberId: string, topics: readonly string[] = ['t'], more: Partial<ConsumerClient> = {}): ConsumerClient {
    return new ConsumerClient(this, memberId, topics, more)
  }

  beat(body: Body, version = 1): ConsumerHeartbeatReply | null {
    let reply: ConsumerHeartbeatReply | null = null
    this.beatLater(body, version, (answer) => {
      reply = answer
    })
    return reply
  }

  beatLater(body: Body, version: number, done: (reply: ConsumerHeartbeatReply) => void): void {
    const defaults = { groupId: 'g', memberId: 'm', memberEpoch: 0 }
    const decoded = wire(ConsumerGroupHeartbeatRequest, { ...defaults, ...body } as never, version)
    this.groups.consumerHeartbeat({ apiVersion: version, clientId: 'c', clientHost: '/127.0.0.1' }, decoded, done)
  }

  /** The error of a commit of one partition. */
  commitAs(memberId: string, epoch: number, topic: string, partition: number, version = 9): number | null {
    const body = wire(
      OffsetCommitRequest,
      {
        groupId: 'g',
        memberId,
        generationIdOrMemberEpoch: epoch,
        topics: [
          { name: topic, partitions: [{ partitionIndex: partition, committedOffset: 1, committedMetadata: '' }] },
        ],
      } as never,
      version,
    )
    let errorCode: number | null = null
    this.groups.commit(body, version, (reply) => {
      errorCode = reply.topics[0].partitions[0].errorCode
    })
    return errorCode
  }

  listOf(owned: Owned): { topicId: string; partitions: number[] }[] {
    return Object.entries(owned).map(([name, partitions]) => ({
      topicId: this.topics.get(name)?.topicId ?? 'AAAAAAAAAAAAAAAAAAAABQ',
      partitions: [...partitions],
    }))
  }

  ownedIn({ assignment }: ConsumerHeartbeatReply): Owned {
    const names = new Map([...this.topics.values()].map(({ topicId, name }) => [topicId, name]))
    return Object.fromEntries(
      (assignment?.topicPartitions ?? []).map(({ topicId, partitions }) => [names.get(topicId) ?? topicId, partitions]),
    )
  }

  describe(group = 'g') {
    return this.groups.describeConsumer(group).group
  }
}

/** The groups of the consumer protocol that are in the coordinator now, committed or not, in a form to compare. */
export function stateOf(bench: GroupBench): unknown {
  const groups = [...bench.machine!.consumer.all()].map((group) => ({
    groupId: group.groupId,
    epoch: group.epoch,
    metadataHash: group.metadataHash,
    targetEpoch: group.targetEpoch,
    leftMs: group.leftMs,
    regexes: sorted([...group.regexes].map(([regex, { topicNames }]) => [regex, topicNames] as const)),
    members: sorted(
      [...group.subscriptions].map(([memberId, subscription]) => {
        const { instanceId } = subscription
        return [
          memberId,
          {
            subscription,
            current: group.current(memberId),
            target: group.target(memberId),
            holdsInstance: instanceId !== null && group.staticMemberId(instanceId) === memberId,
          },
        ] as const
      }),
    ),
  }))
  return groups.sort((a, b) => (a.groupId < b.groupId ? -1 : 1))
}

function sorted<V>(entries: (readonly [string, V])[]): (readonly [string, V])[] {
  return entries.sort(([a], [b]) => (a < b ? -1 : 1))
}

export { PARTITION }
