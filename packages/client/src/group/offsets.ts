import { ErrorCode } from '@ottla/protocol'
import { OFFSET_COMMIT_BY_NAME, OFFSET_FETCH_BY_NAME, offsetCommitApi, offsetFetchApi } from '../apis.ts'
import type { TopicPartition } from '../cluster/by-leader.ts'
import { BrokerError } from '../errors.ts'
import type { GroupMetadata } from '../group-metadata.ts'
import type { CoordinatorLink } from './coordinator-link.ts'

/** Where a group goes on in a partition. */
export interface GroupOffset extends TopicPartition {
  /** Of the next record to be read. */
  readonly offset: number
  /** A text of the group's own beside it; the broker keeps up to 4096 characters. */
  readonly metadata?: string
}

const FETCH_GROUPS_VERSION = 8
const FETCH_STABLE_VERSION = 7

/** Rejects with the error of the first partition that was refused. */
export async function commitOffsets(
  link: CoordinatorLink,
  who: GroupMetadata,
  offsets: readonly GroupOffset[],
): Promise<void> {
  const byTopic = Map.groupBy(offsets, ({ topic }) => topic)
  await link.ask(
    offsetCommitApi,
    () => ({
      groupId: who.groupId,
      generationIdOrMemberEpoch: who.generationId,
      memberId: who.memberId,
      groupInstanceId: who.groupInstanceId,
      topics: [...byTopic].map(([name, list]) => ({
        name,
        partitions: list.map(({ partition, offset, metadata = '' }) => ({
          partitionIndex: partition,
          committedOffset: offset,
          committedMetadata: metadata,
        })),
      })),
    }),
    {
      highest: OFFSET_COMMIT_BY_NAME,
      errorOf: ({ topics }) =>
        topics.flatMap(({ partitions }) => partitions).find((p) => p.errorCode !== 0)?.errorCode ?? 0,
    },
  )
}

/** Those of `partitions` that the group has an offset of. What a transaction may still change is waited for. */
export async function fetchOffsets(
  link: CoordinatorLink,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<GroupOffset[]> {
  const byTopic = Map.groupBy(partitions, ({ topic }) => topic)
  const topics = [...byTopic].map(([name, list]) => ({
    name,
    partitionIndexes: list.map(({ partition }) => partition),
  }))
  const response = await link.ask(
    offsetFetchApi,
    (version) => {
      const requireStable = version >= FETCH_STABLE_VERSION
      if (version >= FETCH_GROUPS_VERSION) return { groups: [{ groupId, topics }], requireStable }
      return requireStable ? { groupId, topics, requireStable } : { groupId, topics }
    },
    {
      highest: OFFSET_FETCH_BY_NAME,
      errorOf: ({ errorCode, groups }) => errorCode || (groups[0]?.errorCode ?? 0),
    },
  )
  const answered = response.groups.length > 0 ? response.groups[0].topics : response.topics
  const found: GroupOffset[] = []
  for (const { name, partitions: list } of answered) {
    for (const { partitionIndex: partition, committedOffset: offset, errorCode, metadata } of list) {
      if (errorCode !== ErrorCode.NONE) throw new BrokerError(errorCode, `partition ${name}-${partition}`)
      if (offset >= 0) found.push({ topic: name, partition, offset, metadata: metadata ?? '' })
    }
  }
  return found
}
