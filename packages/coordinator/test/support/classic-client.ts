import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeVersioned,
  ErrorCode,
  encodeVersioned,
  HeartbeatRequest,
  JoinGroupRequest,
  LeaveGroupRequest,
  type MessageOf,
  SyncGroupRequest,
} from '@ottla/protocol'
import type { ConsumerBench, Owned } from './consumer-bench.ts'
import { wire } from './group-bench.ts'

interface Joined {
  readonly errorCode: number
  readonly memberId: string
  readonly generationId: number
  readonly leader: string
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[]
}

/** A classic consumer that takes the next step of its protocol with every `beat`. */
export class ClassicClient {
  readonly bench: ConsumerBench
  readonly name: string
  readonly instanceId: string | null
  readonly isCooperative: boolean
  memberId = ''
  generation = -1
  owned: Owned = {}
  topics: readonly string[]
  /** What the last request answered; null while it waits. */
  lastError: number | null = null
  #phase: 'join' | 'joining' | 'sync' | 'syncing' | 'stable' = 'join'
  #joined: Joined | null = null

  constructor(bench: ConsumerBench, name: string, topics: readonly string[], isCooperative = false, instanceId = '') {
    this.bench = bench
    this.name = name
    this.topics = topics
    this.isCooperative = isCooperative
    this.instanceId = instanceId === '' ? null : instanceId
  }

  get isStable(): boolean {
    return this.#phase === 'stable'
  }

  beat(): void {
    if (this.#phase === 'join') this.#join()
    else if (this.#phase === 'sync') this.#sync()
    else if (this.#phase === 'stable') this.#heartbeat()
  }

  #join(): void {
    if (!this.isCooperative) this.owned = {}
    const subscription = encodeVersioned(ConsumerProtocolSubscription, 1, {
      topics: [...this.topics],
      userData: null,
      ownedPartitions: Object.entries(this.owned).map(([topic, partitions]) => ({
        topic,
        partitions: [...partitions],
      })),
    } as MessageOf<typeof ConsumerProtocolSubscription>)
    const body = wire(JoinGroupRequest, {
      groupId: 'g',
      memberId: this.memberId,
      groupInstanceId: this.instanceId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: subscription }],
    })
    this.#phase = 'joining'
    this.lastError = null
    const caller = { apiVersion: 9, clientId: this.name, clientHost: '/127.0.0.1' }
    this.bench.groups.join(caller, body, (reply) => this.#afterJoin(reply as unknown as Joined))
  }

  #afterJoin(reply: Joined): void {
    this.lastError = reply.errorCode
    this.#phase = 'join'
    if (reply.errorCode === ErrorCode.MEMBER_ID_REQUIRED) this.memberId = reply.memberId
    else if (reply.errorCode === ErrorCode.NONE) {
      this.memberId = reply.memberId
      this.generation = reply.generationId
      this.#joined = reply
      this.#phase = 'sync'
    } else this.#failed(reply.errorCode)
  }

  #sync(): void {
    const { leader, members } = this.#joined!
    const assignments = leader === this.memberId ? this.#assign(members) : []
    const body = wire(SyncGroupRequest, {
      groupId: 'g',
      generationId: this.generation,
      memberId: this.memberId,
      groupInstanceId: this.instanceId,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments,
    })
    this.#phase = 'syncing'
    this.lastError = null
    this.bench.groups.sync(body, ({ errorCode = 0, assignment }) => {
      this.lastError = errorCode
      if (errorCode === ErrorCode.NONE) this.#assigned(assignment as Buffer)
      else this.#failed(errorCode)
    })
  }

  #assigned(assignment: Buffer): void {
    const before = this.owned
    const { assignedPartitions } = decodeVersioned(ConsumerProtocolAssignment, assignment)
    this.owned = Object.fromEntries(assignedPartitions.map(({ topic, partitions }) => [topic, partitions]))
    const hasLost = Object.entries(before).some(([topic, partitions]) =>
      partitions.some((partition) => this.owned[topic]?.includes(partition) !== true),
    )
    // Who has given something up says so by joining again.
    this.#phase = hasLost ? 'join' : 'stable'
  }

  /** Each partition to one of its subscribers, in turn; what another has must be given up first. */
  #assign(members: Joined['members']): { memberId: string; assignment: Buffer }[] {
    const wants = members.map(({ memberId, metadata }) => ({
      memberId,
      ...decodeVersioned(ConsumerProtocolSubscription, metadata),
      has: new Map<string, number[]>(),
    }))
    const owners = new Map<string, string>()
    for (const { memberId, ownedPartitions } of wants) {
      for (const { topic, partitions } of ownedPartitions)
        for (const p of partitions) owners.set(`${topic}:${p}`, memberId)
    }
    for (const { name, partitions } of this.bench.topics.values()) {
      const subscribers = wants.filter(({ topics }) => topics.includes(name))
      for (let p = 0; p < partitions && subscribers.length > 0; p++) {
        const { has, memberId } = subscribers[p % subscribers.length]
        const owner = owners.get(`${name}:${p}`) ?? memberId
        if (owner === memberId) has.set(name, [...(has.get(name) ?? []), p])
      }
    }
    return wants.map(({ memberId, has }) => {
      const assignedPartitions = [...has].map(([topic, partitions]) => ({ topic, partitions }))
      return {
        memberId,
        assignment: encodeVersioned(ConsumerProtocolAssignment, 1, { assignedPartitions, userData: null }),
      }
    })
  }

  #heartbeat(): void {
    const { generation: generationId, memberId, instanceId: groupInstanceId } = this
    const body = wire(HeartbeatRequest, { groupId: 'g', generationId, memberId, groupInstanceId })
    this.bench.groups.heartbeat(body, (errorCode) => {
      this.lastError = errorCode
      if (errorCode !== ErrorCode.NONE) this.#failed(errorCode)
    })
  }

  #failed(errorCode: number): void {
    this.#phase = 'join'
    if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID || errorCode === ErrorCode.ILLEGAL_GENERATION) this.owned = {}
    if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID) this.memberId = ''
  }

  leave(): void {
    const members = [{ memberId: this.memberId, groupInstanceId: this.instanceId }]
    this.bench.groups.leave(wire(LeaveGroupRequest, { groupId: 'g', members }), () => undefined)
    this.owned = {}
  }
}
