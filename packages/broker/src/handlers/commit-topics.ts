import type { CommitReply } from '@ottla/coordinator'
import { ErrorCode, type MessageOf, type OffsetCommitRequest } from '@ottla/protocol'
import type { TopicInfo, Topics } from '../topics/topics.ts'

/** Of OffsetCommit or TxnOffsetCommit. */
export type CommitTopic = MessageOf<typeof OffsetCommitRequest>['topics'][number]

type Answered = CommitReply['topics'][number]

interface Asked<T> {
  /** What the coordinator is asked about. */
  readonly existing: T[]
  readonly isEmpty: boolean
  /** By topic of the request: what is refused already, and which of `existing` has the others. Null: all of it exists. */
  readonly plan: readonly { readonly answer: Answered; readonly existing: number }[] | null
}

/** Parts what exists, with name and id of its topic, from what does not: UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION. */
export function existingOf<
  T extends Pick<CommitTopic, 'name' | 'topicId'> & { partitions: readonly { partitionIndex: number }[] },
>(asked: readonly T[], topics: Topics, byId: boolean): Asked<T> {
  const isWhole = ({ name, partitions }: T): boolean => {
    const info = topics.get(name)
    return partitions.every(({ partitionIndex }) => has(info, partitionIndex))
  }
  if (!byId && asked.every(isWhole)) return { existing: asked as T[], isEmpty: asked.length === 0, plan: null }
  const existing: T[] = []
  const plan = asked.map((topic) => {
    const { name, topicId, partitions } = topic
    const info = byId ? topics.byId(topicId) : topics.get(name)
    const missing = byId && info === undefined ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    const isThere = ({ partitionIndex }: { partitionIndex: number }): boolean => has(info, partitionIndex)
    const kept = partitions.filter(isThere)
    const answer = {
      name,
      topicId,
      partitions: partitions
        .filter((partition) => !isThere(partition))
        .map(({ partitionIndex }) => ({ partitionIndex, errorCode: missing as number })),
    }
    if (kept.length === 0 || info === undefined) return { answer, existing: -1 }
    existing.push({ ...topic, name: info.name, topicId, partitions: kept })
    return { answer, existing: existing.length - 1 }
  })
  return { existing, isEmpty: existing.length === 0, plan }
}

function has(info: TopicInfo | undefined, partition: number): boolean {
  return info?.partitions[partition] !== undefined
}

/** The coordinator's answer with what was refused before it was asked. */
export function mergeCommitted<T>({ plan }: Asked<T>, reply: CommitReply): CommitReply {
  if (plan === null) return reply
  return {
    topics: plan.map(({ answer, existing }) => ({
      ...answer,
      partitions: [...answer.partitions, ...(existing < 0 ? [] : reply.topics[existing].partitions)],
    })),
  }
}
