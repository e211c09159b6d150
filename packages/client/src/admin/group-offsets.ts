import type { Connection } from '@ottla/net'
import { ErrorCode } from '@ottla/protocol'
import { OFFSET_COMMIT_BY_NAME, OFFSET_FETCH_BY_NAME, offsetCommitApi, offsetFetchApi } from '../apis.ts'
import type { TopicPartition } from '../cluster/by-leader.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { BrokerError, type KafkaError } from '../errors.ts'
import { deleteOffsetsApi } from './apis.ts'
import { askCoordinator, askCoordinators } from './by-coordinator.ts'
import { byPartition } from './groups.ts'
import { type ItemResult, leftOut, resultError, tooOld } from './results.ts'

export interface GroupOffsetsQuery {
  readonly groupId: string
  /** Default: all that the group has offsets of. */
  readonly partitions?: readonly TopicPartition[]
}

export interface GroupOffsets extends ItemResult {
  /** Sorted; without partitions that have no offset. Empty with an error. */
  readonly offsets: readonly CommittedOffset[]
}

export interface CommittedOffset extends TopicPartition {
  /** The offset to read next; -1 with an error. */
  readonly offset: number
  /** Leader epoch of the last record read; -1 if unknown. */
  readonly leaderEpoch: number
  /** What the consumer wrote beside it. */
  readonly metadata: string
  readonly error: KafkaError | null
}

export interface OffsetToStore extends TopicPartition {
  /** The offset to read next. */
  readonly offset: number
  /** Default: unknown. */
  readonly leaderEpoch?: number
  readonly metadata?: string
}

/** What became of the offset of one partition. */
export interface AlteredOffset extends TopicPartition {
  readonly error: KafkaError | null
}

/** The first version that asks for the offsets of all partitions. */
const ALL_PARTITIONS = 2
/** The first version that asks for several groups. */
const SEVERAL_GROUPS = 8
/** The first version that can leave out what a transaction may still change. */
const REQUIRE_STABLE = 7
/** Neither a generation nor a member: the coordinator takes it while the group has no members. */
const NO_GENERATION = -1

type Answered = GroupOffsets['offsets']

export async function listGroupOffsets(
  cluster: Cluster,
  queries: readonly (string | GroupOffsetsQuery)[],
  requireStable: boolean,
): Promise<GroupOffsets[]> {
  const asked = queries.map((q) => (typeof q === 'string' ? { groupId: q } : q))
  const partitionsOf = new Map(asked.map((q) => [q.groupId, q.partitions ?? null]))
  const groupIds = [...partitionsOf.keys()]
  const settled = await askCoordinators<Answered>(cluster, 'group', groupIds, (connection, ids) =>
    fetchOffsets(connection, ids, (id) => partitionsOf.get(id) ?? null, requireStable),
  )
  return asked.map(({ groupId: name }) => {
    const { value, error } = settled[groupIds.indexOf(name)]
    return { name, error, offsets: value ?? [] }
  })
}

async function fetchOffsets(
  connection: Connection,
  groupIds: readonly string[],
  partitionsOf: (groupId: string) => readonly TopicPartition[] | null,
  requireStable: boolean,
): Promise<(Answered | KafkaError)[]> {
  const version = connection.versions.pick(offsetFetchApi, OFFSET_FETCH_BY_NAME)
  const unsupported = (what: string) => groupIds.map(() => tooOld(what))
  if (requireStable && version < REQUIRE_STABLE) return unsupported('stable offsets')
  if (version < ALL_PARTITIONS && groupIds.some((id) => partitionsOf(id) === null)) {
    return unsupported('offsets of all partitions of a group')
  }
  const topicsOf = (id: string) => {
    const partitions = partitionsOf(id)
    if (partitions === null) return null
    return byTopic(partitions, (name, some) => ({ name, partitionIndexes: some.map((p) => p.partition) }))
  }
  if (version < SEVERAL_GROUPS) {
    return Promise.all(
      groupIds.map(async (groupId) => {
        const asked = { groupId, topics: topicsOf(groupId), ...(requireStable ? { requireStable } : {}) }
        const response = await connection.call(offsetFetchApi, asked, { version })
        return answerOf(groupId, response)
      }),
    )
  }
  const groups = groupIds.map((groupId) => ({ groupId, topics: topicsOf(groupId) }))
  const response = await connection.call(offsetFetchApi, { groups, requireStable }, { version })
  return groupIds.map((groupId) => {
    const group = response.groups.find((g) => g.groupId === groupId)
    return group === undefined ? leftOut(`group ${groupId}`) : answerOf(groupId, group)
  })
}

interface OffsetsAnswer {
  readonly errorCode: number
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly {
      readonly partitionIndex: number
      readonly committedOffset: number
      readonly committedLeaderEpoch: number
      readonly metadata: string | null
      readonly errorCode: number
    }[]
  }[]
}

function answerOf(groupId: string, { errorCode, topics }: OffsetsAnswer): Answered | KafkaError {
  if (errorCode !== 0) return new BrokerError(errorCode, `group ${groupId}`)
  const offsets: CommittedOffset[] = []
  for (const { name: topic, partitions } of topics) {
    for (const { partitionIndex: partition, committedOffset: offset, errorCode, ...rest } of partitions) {
      const error = errorCode === 0 ? null : new BrokerError(errorCode, `offset of ${topic}-${partition}`)
      // What these say of one partition holds for the whole answer, and may pass.
      if (error !== null && (isCoordinators(errorCode) || errorCode === ErrorCode.UNSTABLE_OFFSET_COMMIT)) return error
      if (error === null && offset < 0) continue
      const { committedLeaderEpoch: leaderEpoch, metadata } = rest
      offsets.push({ topic, partition, offset, leaderEpoch, metadata: metadata ?? '', error })
    }
  }
  return offsets.sort(byPartition)
}

export async function alterGroupOffsets(
  cluster: Cluster,
  groupId: string,
  offsets: readonly OffsetToStore[],
): Promise<AlteredOffset[]> {
  if (offsets.length === 0) return []
  return askCoordinator<AlteredOffset[]>(cluster, 'group', groupId, async (connection) => {
    const version = connection.versions.pick(offsetCommitApi, OFFSET_COMMIT_BY_NAME)
    const response = await connection.call(
      offsetCommitApi,
      {
        groupId,
        generationIdOrMemberEpoch: NO_GENERATION,
        topics: byTopic(offsets, (name, some) => ({
          name,
          partitions: some.map((o) => ({
            partitionIndex: o.partition,
            committedOffset: o.offset,
            committedLeaderEpoch: o.leaderEpoch ?? -1,
            committedMetadata: o.metadata ?? '',
          })),
        })),
      },
      { version },
    )
    return perPartition(offsets, response.topics, (error) => memberError(error, groupId))
  })
}

export async function deleteGroupOffsets(
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<AlteredOffset[]> {
  if (partitions.length === 0) return []
  return askCoordinator<AlteredOffset[]>(cluster, 'group', groupId, async (connection) => {
    const response = await connection.call(deleteOffsetsApi, {
      groupId,
      topics: byTopic(partitions, (name, some) => ({
        name,
        partitions: some.map(({ partition }) => ({ partitionIndex: partition })),
      })),
    })
    if (response.errorCode !== 0) return new BrokerError(response.errorCode, `group ${groupId}`)
    return perPartition(partitions, response.topics, (error) => error)
  })
}

/** One outcome for each of `items`, or the coordinator's error when one of them met it. */
function perPartition(
  items: readonly TopicPartition[],
  topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[]
  }[],
  explained: (error: KafkaError) => KafkaError,
): AlteredOffset[] | KafkaError {
  const results: AlteredOffset[] = []
  for (const { topic, partition } of items) {
    const answers = topics.find((t) => t.name === topic)?.partitions
    const answer = answers?.find((p) => p.partitionIndex === partition)
    const error = resultError(`offset of ${topic}-${partition}`, answer)
    if (answer !== undefined && isCoordinators(answer.errorCode)) return error as KafkaError
    results.push({ topic, partition, error: error === null ? null : explained(error) })
  }
  return results
}

/** The coordinator answers for the whole request, though the code stands beside each partition. */
function isCoordinators(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ||
    errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE ||
    errorCode === ErrorCode.NOT_COORDINATOR
  )
}

/** The coordinator means the member that a commit with a generation would come from. */
function memberError(error: KafkaError, groupId: string): KafkaError {
  if (!(error instanceof BrokerError) || error.errorCode !== ErrorCode.UNKNOWN_MEMBER_ID) return error
  return new BrokerError(error.errorCode, `group ${groupId}`, `group ${groupId} has members, which commit for it`)
}

function byTopic<I extends TopicPartition, T>(items: readonly I[], make: (topic: string, items: I[]) => T): T[] {
  return [...Map.groupBy(items, (item) => item.topic)].map(([topic, some]) => make(topic, some))
}
