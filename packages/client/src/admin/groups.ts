import type { Connection, ResponseOf } from '@ottla/net'
import {
  CodecError,
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeVersionedLeniently,
  ErrorCode,
} from '@ottla/protocol'
import { leaveGroupApi } from '../apis.ts'
import type { TopicPartition } from '../cluster/by-leader.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { BrokerError, type KafkaError } from '../errors.ts'
import { deleteGroupsApi, describeConsumerGroupsApi, describeGroupsApi, listGroupsApi } from './apis.ts'
import { askCoordinator, askCoordinators } from './by-coordinator.ts'
import { byName, type ItemResult, leftOut, resultError, tooOld } from './results.ts'
import { type BrokerFailure, onEachBroker } from './routing.ts'

export const groupStates = [
  'Assigning',
  'CompletingRebalance',
  'Dead',
  'Empty',
  'NotReady',
  'PreparingRebalance',
  'Reconciling',
  'Stable',
] as const
/** As the broker calls it; other brokers may have other states. */
export type GroupState = (typeof groupStates)[number] | (string & {})

export const groupTypes = ['classic', 'consumer', 'share', 'streams'] as const
/** `consumer` is the protocol of KIP-848, `classic` the one before it. */
export type GroupType = (typeof groupTypes)[number] | (string & {})

export interface GroupFilter {
  /** Only groups in one of these states. Default: any. */
  readonly states?: readonly GroupState[]
  /** Only groups of these types. Default: any. */
  readonly types?: readonly GroupType[]
}

export interface GroupListing {
  readonly groupId: string
  readonly type: GroupType
  /** `consumer` for consumers; `connect` and others for other uses of the classic protocol; empty without members. */
  readonly protocolType: string
  /** Null before Apache Kafka 2.6. */
  readonly state: GroupState | null
  readonly coordinatorId: number
}

export interface GroupDescription extends ItemResult {
  /** Null with an error. */
  readonly group: GroupInfo | null
}

export interface GroupInfo {
  readonly groupId: string
  readonly type: 'classic' | 'consumer'
  readonly state: GroupState
  readonly protocolType: string
  /** What places the partitions; empty where nothing has been chosen. */
  readonly assignor: string
  readonly coordinatorId: number
  /** Rises with every change of the members or what they want; null for classic groups. */
  readonly groupEpoch: number | null
  /** The group epoch that the present target assignment was made for; null for classic groups. */
  readonly assignmentEpoch: number | null
  /** Sorted by client id, then member id. */
  readonly members: readonly GroupMember[]
}

export interface GroupMember {
  readonly memberId: string
  /** `group.instance.id` of a static member. */
  readonly instanceId: string | null
  readonly clientId: string
  readonly host: string
  readonly rack: string | null
  readonly subscribedTopics: readonly string[]
  /** Null without one, and for classic members, whose client resolves it. */
  readonly subscribedRegex: string | null
  /** Sorted; null when the group's members are no consumers. */
  readonly assignment: readonly TopicPartition[] | null
  /** What it shall have once the others have given it up; null for classic groups. */
  readonly targetAssignment: readonly TopicPartition[] | null
  /** Null for classic groups. */
  readonly memberEpoch: number | null
  /** A KIP-848 group may have members that speak the classic protocol. */
  readonly protocol: 'classic' | 'consumer'
}

/** One of the two is enough. */
export interface MemberToRemove {
  readonly memberId?: string
  readonly instanceId?: string
}

export interface RemovedMember {
  readonly memberId: string | null
  readonly instanceId: string | null
  readonly error: KafkaError | null
}

/** From these versions on a broker filters, and says what it filtered by. */
const LIST_STATES = 4
const LIST_TYPES = 5
/** The first version that removes several members, and static ones by their instance id. */
const REMOVE_SEVERAL = 3
/** `memberType` of a member with the classic protocol. */
const CLASSIC_MEMBER = 0

export async function listGroups(
  cluster: Cluster,
  { states = [], types = [] }: GroupFilter,
): Promise<{ groups: GroupListing[]; failures: BrokerFailure[] }> {
  const { items, failures } = await onEachBroker(cluster, async (connection, brokerId): Promise<GroupListing[]> => {
    // Brokers that know no types have classic groups only.
    const knowsTypes = connection.versions.highest(listGroupsApi) >= LIST_TYPES
    const filter = { statesFilter: states, typesFilter: knowsTypes ? types : [] }
    const version = connection.versions.pick(listGroupsApi)
    if (states.length > 0 && version < LIST_STATES) {
      throw tooOld(`filter on states at broker ${brokerId}`)
    }
    const response = await connection.call(listGroupsApi, filter, { version })
    if (response.errorCode !== 0) throw new BrokerError(response.errorCode, `groups of broker ${brokerId}`)
    const groups = response.groups.map((g) => ({
      groupId: g.groupId,
      type: version >= LIST_TYPES ? g.groupType.toLowerCase() : 'classic',
      protocolType: g.protocolType,
      state: version >= LIST_STATES ? g.groupState : null,
      coordinatorId: brokerId,
    }))
    return knowsTypes || types.length === 0 ? groups : groups.filter((g) => types.includes(g.type))
  })
  return { groups: items.sort(byName((group) => group.groupId)), failures }
}

/**
 * First as a KIP-848 group, then as a classic one, as Java's admin does (`DescribeConsumerGroupsHandler`): a broker that
 * has both answers GROUP_ID_NOT_FOUND to the wrong question.
 */
export async function describeGroups(cluster: Cluster, groupIds: readonly string[]): Promise<GroupDescription[]> {
  const settled = await askCoordinators(cluster, 'group', groupIds, async (connection, ids, coordinatorId) => {
    const modern = await describeConsumerGroups(connection, ids, coordinatorId)
    const others = ids.filter((id) => !modern.has(id))
    const classic = await describeClassicGroups(connection, others, coordinatorId)
    return ids.map((id) => modern.get(id) ?? classic.get(id) ?? leftOut(`group ${id}`))
  })
  return groupIds.map((name, i) => ({ name, error: settled[i].error, group: settled[i].value }))
}

/** Leaves out what is no KIP-848 group. */
async function describeConsumerGroups(
  connection: Connection,
  groupIds: readonly string[],
  coordinatorId: number,
): Promise<Map<string, GroupInfo | KafkaError>> {
  const found = new Map<string, GroupInfo | KafkaError>()
  if (connection.versions.highest(describeConsumerGroupsApi) < 0) return found
  const response = await connection.call(describeConsumerGroupsApi, { groupIds, includeAuthorizedOperations: false })
  for (const group of response.groups) {
    const { groupId, errorCode, errorMessage } = group
    if (errorCode === ErrorCode.GROUP_ID_NOT_FOUND || errorCode === ErrorCode.UNSUPPORTED_VERSION) continue
    if (errorCode !== 0) {
      found.set(groupId, new BrokerError(errorCode, `group ${groupId}`, errorMessage))
      continue
    }
    found.set(groupId, {
      groupId,
      type: 'consumer',
      state: group.groupState,
      protocolType: 'consumer',
      assignor: group.assignorName,
      coordinatorId,
      groupEpoch: group.groupEpoch,
      assignmentEpoch: group.assignmentEpoch,
      members: group.members
        .map(
          (m): GroupMember => ({
            memberId: m.memberId,
            instanceId: m.instanceId,
            clientId: m.clientId,
            host: hostOf(m.clientHost),
            rack: m.rackId,
            subscribedTopics: [...m.subscribedTopicNames].sort(),
            subscribedRegex: m.subscribedTopicRegex || null,
            assignment: namedPartitions(m.assignment.topicPartitions),
            targetAssignment: namedPartitions(m.targetAssignment.topicPartitions),
            memberEpoch: m.memberEpoch,
            protocol: m.memberType === CLASSIC_MEMBER ? 'classic' : 'consumer',
          }),
        )
        .sort(byClient),
    })
  }
  return found
}

async function describeClassicGroups(
  connection: Connection,
  groups: readonly string[],
  coordinatorId: number,
): Promise<Map<string, GroupInfo | KafkaError>> {
  const found = new Map<string, GroupInfo | KafkaError>()
  if (groups.length === 0) return found
  const response = await connection.call(describeGroupsApi, { groups, includeAuthorizedOperations: false })
  for (const group of response.groups) {
    const { groupId, protocolType } = group
    // Before version 6 a group that does not exist is a dead one.
    const isAbsent = group.errorCode === 0 && group.groupState === 'Dead' && group.members.length === 0
    const errorCode = isAbsent ? ErrorCode.GROUP_ID_NOT_FOUND : group.errorCode
    if (errorCode !== 0) {
      found.set(groupId, groupError(errorCode, groupId, group.errorMessage))
    } else {
      found.set(groupId, {
        groupId,
        type: 'classic',
        state: group.groupState,
        protocolType,
        assignor: group.protocolData,
        coordinatorId,
        groupEpoch: null,
        assignmentEpoch: null,
        members: group.members.map((m) => classicMember(m, protocolType)).sort(byClient),
      })
    }
  }
  return found
}

type ClassicMember = ResponseOf<typeof describeGroupsApi>['groups'][number]['members'][number]

function classicMember(member: ClassicMember, protocolType: string): GroupMember {
  const isConsumer = protocolType === 'consumer'
  const subscription = isConsumer ? decoded(ConsumerProtocolSubscription, member.memberMetadata) : null
  const assignment = isConsumer ? decoded(ConsumerProtocolAssignment, member.memberAssignment) : null
  return {
    memberId: member.memberId,
    instanceId: member.groupInstanceId,
    clientId: member.clientId,
    host: hostOf(member.clientHost),
    rack: subscription?.rackId || null,
    subscribedTopics: [...(subscription?.topics ?? [])].sort(),
    subscribedRegex: null,
    assignment: !isConsumer
      ? null
      : namedPartitions(
          (assignment?.assignedPartitions ?? []).map((p) => ({ topicName: p.topic, partitions: p.partitions })),
        ),
    targetAssignment: null,
    memberEpoch: null,
    protocol: 'classic',
  }
}

/** Null while there is none, and for bytes that only that group's members understand. */
function decoded<M extends typeof ConsumerProtocolSubscription | typeof ConsumerProtocolAssignment>(
  message: M,
  bytes: Buffer,
): ReturnType<M['read']> | null {
  if (bytes.length === 0) return null
  try {
    return decodeVersionedLeniently(message as never, bytes) as ReturnType<M['read']>
  } catch (error) {
    if (error instanceof CodecError) return null
    throw error
  }
}

/** Deletes groups without members. */
export async function deleteGroups(cluster: Cluster, groupIds: readonly string[]): Promise<ItemResult[]> {
  const settled = await askCoordinators(cluster, 'group', groupIds, async (connection, ids) => {
    const response = await connection.call(deleteGroupsApi, { groupsNames: ids })
    return ids.map((id) => {
      const result = response.results.find((r) => r.groupId === id)
      if (result === undefined) return leftOut(`group ${id}`)
      return result.errorCode === 0 ? id : groupError(result.errorCode, id, result.errorMessage)
    })
  })
  return groupIds.map((name, i) => ({ name, error: settled[i].error }))
}

export async function removeMembers(
  cluster: Cluster,
  groupId: string,
  members: readonly MemberToRemove[],
  reason: string | null,
): Promise<RemovedMember[]> {
  return askCoordinator<RemovedMember[]>(cluster, 'group', groupId, async (connection) => {
    const version = connection.versions.pick(leaveGroupApi)
    if (version < REMOVE_SEVERAL && members.some((m) => m.memberId === undefined)) {
      return tooOld(`removal of static members of group ${groupId}`)
    }
    const results: RemovedMember[] = []
    for (const some of version < REMOVE_SEVERAL ? members.map((m) => [m]) : [members]) {
      const response = await connection.call(
        leaveGroupApi,
        {
          groupId,
          ...(version < REMOVE_SEVERAL
            ? { memberId: some[0].memberId }
            : {
                members: some.map((m) => ({
                  memberId: m.memberId ?? '',
                  groupInstanceId: m.instanceId ?? null,
                  reason,
                })),
              }),
        },
        { version },
      )
      const failure = response.errorCode === 0 ? null : new BrokerError(response.errorCode, `group ${groupId}`)
      if (failure !== null && version >= REMOVE_SEVERAL) return failure
      some.forEach(({ memberId = null, instanceId = null }, i) => {
        const what = `member ${instanceId ?? memberId}`
        const error = version < REMOVE_SEVERAL ? failure : resultError(what, response.members[i])
        results.push({ memberId, instanceId, error })
      })
    }
    return results
  })
}

/** Brokers word these differently, or not at all. */
function groupError(errorCode: number, groupId: string, detail: string | null): BrokerError {
  const what = `group ${groupId}`
  if (errorCode === ErrorCode.GROUP_ID_NOT_FOUND) return new BrokerError(errorCode, what, `${what} does not exist`)
  if (errorCode === ErrorCode.NON_EMPTY_GROUP) return new BrokerError(errorCode, what, `${what} has members`)
  return new BrokerError(errorCode, what, detail)
}

/** Java's brokers write addresses as `/127.0.0.1`. */
function hostOf(clientHost: string): string {
  return clientHost.replace(/^\//, '')
}

function byClient(a: GroupMember, b: GroupMember): number {
  return byName<GroupMember>((m) => m.clientId)(a, b) || byName<GroupMember>((m) => m.memberId)(a, b)
}

function namedPartitions(
  topics: readonly { readonly topicName: string; readonly partitions: readonly number[] }[],
): TopicPartition[] {
  return topics
    .flatMap(({ topicName, partitions }) => partitions.map((partition) => ({ topic: topicName, partition })))
    .sort(byPartition)
}

export function byPartition(a: TopicPartition, b: TopicPartition): number {
  return byName<TopicPartition>((p) => p.topic)(a, b) || a.partition - b.partition
}
