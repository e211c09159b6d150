import { backOffMs } from '@ottla/net'
import { ErrorCode } from '@ottla/protocol'
import { heartbeatApi, joinGroupApi, leaveGroupApi, syncGroupApi } from '../../apis.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { ConfigError, KafkaError } from '../../errors.ts'
import type { AssigningMember, Assignment, Assignor } from '../assignors/assignor.ts'
import type { LastAssignment } from '../assignors/sticky-data.ts'
import type { CoordinatorLink } from '../coordinator-link.ts'
import type { GroupSettings } from '../options.ts'
import { decodeAssignment, decodeMember, encodeAssignment, encodeSubscription } from '../protocol.ts'
import { SubscribedTopics, type Subscription } from '../subscription.ts'
import { type ClassicAnswer, type ClassicAsk, ClassicMembership, type JoinedMember } from './classic.ts'
import type { Partitions } from './events.ts'
import type { Exchange, NamedAssignment } from './exchange.ts'

/** More than the broker may wait for the others. */
const JOIN_GRACE_MS = 5000
/** The first version that says in the metadata of the group what JoinGroup itself said before. */
const PROTOCOL_NAMES_VERSION = 5
const LEAVE_BATCH_VERSION = 3

type AskOf<Name extends ClassicAsk['api']> = Extract<ClassicAsk, { readonly api: Name }>

/** JoinGroup, SyncGroup, Heartbeat and LeaveGroup; and what the leader of the group does for all. */
export class ClassicExchange implements Exchange<ClassicAsk, ClassicAnswer> {
  readonly machine: ClassicMembership
  readonly #cluster: Cluster
  readonly #settings: GroupSettings
  readonly #link: CoordinatorLink
  readonly #topics: SubscribedTopics
  /** While it leads: how many partitions the topics of all members had when it assigned; null: there was no such topic. */
  #assignedOver: ReadonlyMap<string, number | null> = new Map()
  /** What this member was given last, for assignors that let it tell. */
  #last: LastAssignment | null = null

  constructor(cluster: Cluster, settings: GroupSettings, link: CoordinatorLink) {
    this.#cluster = cluster
    this.#settings = settings
    this.#link = link
    this.#topics = new SubscribedTopics(cluster, settings.subscription)
    const { sessionTimeoutMs, heartbeatIntervalMs, instanceId } = settings
    this.machine = new ClassicMembership({
      sessionTimeoutMs,
      heartbeatIntervalMs,
      isStatic: instanceId !== null,
      joinTimeoutMs: cluster.settings.apiTimeoutMs,
      waitMs: (failures) => backOffMs(failures - 1, cluster.deps.random, cluster.settings.backOff),
    })
  }

  async perform(ask: ClassicAsk): Promise<ClassicAnswer> {
    switch (ask.api) {
      case 'JoinGroup':
        return this.#join(ask)
      case 'SyncGroup':
        return this.#sync(ask)
      case 'Heartbeat':
        return this.#heartbeat(ask)
      case 'LeaveGroup':
        return this.#leave(ask)
    }
  }

  async name(assignment: Partitions): Promise<NamedAssignment> {
    return { assignment, isIncomplete: false }
  }

  unname(owned: Assignment): Partitions {
    return owned
  }

  subscribe(subscription: Subscription): void {
    this.#topics.set(subscription)
  }

  haveTopicsChanged(): boolean {
    if (this.#topics.match()) return true
    for (const [topic, count] of this.#assignedOver) {
      const now = this.#cluster.metadata.peek(topic)?.partitions.length ?? null
      if (now !== count) return true
    }
    return false
  }

  close(): void {
    this.#topics.close()
  }

  async #join({ memberId, generation, owned }: AskOf<'JoinGroup'>): Promise<ClassicAnswer> {
    this.#assignedOver = new Map()
    await this.#topics.find()
    const { sessionTimeoutMs, maxPollIntervalMs, instanceId, group, rackId } = this.#settings
    const last = this.#last
    const protocols = this.#settings.assignors.map((assignor) => ({
      name: assignor.name,
      metadata: encodeSubscription(this.#topics.names, owned, generation, rackId, userDataOf(assignor, last)),
    }))
    const joined = await this.#link.ask(
      joinGroupApi,
      () => ({
        groupId: group,
        sessionTimeoutMs,
        rebalanceTimeoutMs: maxPollIntervalMs,
        memberId,
        groupInstanceId: instanceId,
        protocolType: 'consumer',
        protocols,
      }),
      {
        timeoutMs: maxPollIntervalMs + JOIN_GRACE_MS,
        errorOf: ({ errorCode }) => (errorCode === ErrorCode.MEMBER_ID_REQUIRED ? ErrorCode.NONE : errorCode),
      },
    )
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) return { api: 'JoinGroup', named: joined.memberId }
    return {
      api: 'JoinGroup',
      memberId: joined.memberId,
      generation: joined.generationId,
      protocolName: joined.protocolName ?? '',
      members: joined.leader === joined.memberId && !joined.skipAssignment ? joined.members : null,
    }
  }

  async #sync({ memberId, generation, protocolName, members }: AskOf<'SyncGroup'>): Promise<ClassicAnswer> {
    const { group, instanceId, maxPollIntervalMs } = this.#settings
    const assignments = members === null ? [] : await this.#assign(protocolName, members)
    const { assignment } = await this.#link.ask(
      syncGroupApi,
      (version) => ({
        groupId: group,
        generationId: generation,
        memberId,
        groupInstanceId: instanceId,
        ...(version >= PROTOCOL_NAMES_VERSION ? { protocolType: 'consumer', protocolName } : {}),
        assignments,
      }),
      { timeoutMs: maxPollIntervalMs + JOIN_GRACE_MS, errorOf: ({ errorCode }) => errorCode },
    )
    this.#last = { assignment: decodeAssignment(assignment), generation }
    return { api: 'SyncGroup', assignment: this.#last.assignment }
  }

  async #assign(name: string, members: readonly JoinedMember[]) {
    const decoded = members.map((m) => decodeMember(m.memberId, m.groupInstanceId, m.metadata))
    const counts = new Map<string, number | null>()
    for (const topic of new Set(decoded.flatMap(({ topics }) => topics))) counts.set(topic, await this.#countOf(topic))
    this.#assignedOver = counts
    const known = new Map([...counts].filter((entry): entry is [string, number] => entry[1] !== null))
    const assigned = shared(this.#settings.assignors, name, decoded, known)
    return [...assigned].map(([memberId, assignment]) => ({ memberId, assignment: encodeAssignment(assignment) }))
  }

  /** Null: there is no such topic, or not yet. */
  async #countOf(topic: string): Promise<number | null> {
    try {
      return (await this.#cluster.metadata.topic(topic)).partitions.length
    } catch (error) {
      if (error instanceof KafkaError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return null
      throw error
    }
  }

  async #heartbeat({ memberId, generation }: AskOf<'Heartbeat'>): Promise<ClassicAnswer> {
    const { group: groupId, instanceId: groupInstanceId } = this.#settings
    await this.#link.ask(heartbeatApi, () => ({ groupId, generationId: generation, memberId, groupInstanceId }), {
      errorOf: ({ errorCode }) => errorCode,
    })
    return { api: 'Heartbeat' }
  }

  async #leave({ memberId, reason }: AskOf<'LeaveGroup'>): Promise<ClassicAnswer> {
    const { group: groupId } = this.#settings
    await this.#link.ask(
      leaveGroupApi,
      (version) =>
        version < LEAVE_BATCH_VERSION ? { groupId, memberId } : { groupId, members: [{ memberId, reason }] },
      // A JoinGroup may wait for the other members, and Kafka answers one request of a connection after the other.
      { overtakes: true, errorOf: ({ errorCode }) => errorCode },
    )
    return { api: 'LeaveGroup' }
  }
}

/** What is not ours may throw. */
function userDataOf(assignor: Assignor, last: LastAssignment | null): Buffer | null {
  try {
    return assignor.userData?.(last) ?? null
  } catch (error) {
    throw new ConfigError(`the assignor ${assignor.name} has failed: ${error}`)
  }
}

/** Throws `ConfigError` for what an assignor of the program's own cannot mean. */
function shared(
  assignors: readonly Assignor[],
  name: string,
  members: readonly AssigningMember[],
  partitions: ReadonlyMap<string, number>,
): ReadonlyMap<string, Assignment> {
  const assignor = assignors.find((one) => one.name === name)
  // The group has chosen among what all its members have.
  if (assignor === undefined) throw new ConfigError(`the group has chosen the assignor ${name}, which is not ours`)
  let assigned: ReadonlyMap<string, Assignment>
  try {
    assigned = assignor.assign(members, partitions)
  } catch (error) {
    throw new ConfigError(`the assignor ${name} has failed: ${error}`)
  }
  const owners = new Set<string>()
  for (const [memberId, assignment] of assigned) {
    if (!members.some((member) => member.memberId === memberId)) {
      throw new ConfigError(`the assignor ${name} has given partitions to ${memberId}, which is no member`)
    }
    for (const [topic, list] of assignment) {
      for (const partition of list) {
        const place = `${topic}-${partition}`
        if (owners.has(place)) throw new ConfigError(`the assignor ${name} has given partition ${place} to two members`)
        if (!Number.isInteger(partition) || partition < 0 || partition >= (partitions.get(topic) ?? 0)) {
          throw new ConfigError(`the assignor ${name} has given partition ${place}, which does not exist`)
        }
        owners.add(place)
      }
    }
  }
  return assigned
}
