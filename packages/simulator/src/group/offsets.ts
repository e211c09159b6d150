import {
  ErrorCode,
  OffsetCommitRequest,
  OffsetCommitResponse,
  OffsetFetchRequest,
  OffsetFetchResponse,
} from '@ottla/protocol'
import type { PartitionName } from '../check/group-ledger.ts'
import type { Link } from '../client/link.ts'

export const REQUEST_TIMEOUT_MS = 3_000

export function nameOf(topic: string, index: number): PartitionName {
  return `${topic}-${index}`
}

export function byTopic(names: readonly PartitionName[]): Map<string, number[]> {
  const topics = new Map<string, number[]>()
  for (const name of names) {
    const at = name.lastIndexOf('-')
    const topic = name.slice(0, at)
    const partitions = topics.get(topic) ?? []
    partitions.push(Number(name.slice(at + 1)))
    topics.set(topic, partitions)
  }
  return topics
}

/** Who commits; generation -1 and no member id for somebody outside. */
export interface Identity {
  readonly generation: number
  readonly memberId: string
  readonly instanceId: string | null
}

/** Answers by partition; null when none came. */
export function commitOffsets(
  link: Link,
  groupId: string,
  version: number,
  identity: Identity,
  offsets: ReadonlyMap<PartitionName, number>,
  done: (errors: ReadonlyMap<PartitionName, number> | null) => void,
): void {
  const body = {
    groupId,
    generationIdOrMemberEpoch: identity.generation,
    memberId: identity.memberId,
    groupInstanceId: version >= 7 ? identity.instanceId : null,
    topics: [...byTopic([...offsets.keys()])].map(([name, partitions]) => ({
      name,
      partitions: partitions.map((partitionIndex) => ({
        partitionIndex,
        committedOffset: offsets.get(nameOf(name, partitionIndex))!,
        committedMetadata: null,
      })),
    })),
  }
  link.request(OffsetCommitRequest, OffsetCommitResponse, version, body, REQUEST_TIMEOUT_MS, (answer) => {
    if (answer === null) {
      done(null)
      return
    }
    const errors = new Map<PartitionName, number>()
    for (const { name, partitions } of answer.topics)
      for (const { partitionIndex, errorCode } of partitions) errors.set(nameOf(name, partitionIndex), errorCode)
    done(errors)
  })
}

/** Either the offsets or what was wrong; null when no answer came. */
export function fetchOffsets(
  link: Link,
  groupId: string,
  version: number,
  names: readonly PartitionName[],
  requireStable: boolean,
  done: (answer: ReadonlyMap<PartitionName, number> | number | null) => void,
): void {
  const topics = [...byTopic(names)].map(([name, partitionIndexes]) => ({ name, partitionIndexes }))
  const body =
    version >= 8
      ? { groups: [{ groupId, topics }], requireStable }
      : { groupId, topics, requireStable: version >= 7 && requireStable }
  link.request(OffsetFetchRequest, OffsetFetchResponse, version, body, REQUEST_TIMEOUT_MS, (answer) => {
    if (answer === null) {
      done(null)
      return
    }
    const group = version >= 8 ? answer.groups[0] : answer
    if (group.errorCode !== ErrorCode.NONE) {
      done(group.errorCode)
      return
    }
    const offsets = new Map<PartitionName, number>()
    for (const { name, partitions } of group.topics)
      for (const { partitionIndex, committedOffset, errorCode } of partitions) {
        if (errorCode !== ErrorCode.NONE) {
          done(errorCode)
          return
        }
        offsets.set(nameOf(name, partitionIndex), committedOffset)
      }
    done(offsets)
  })
}

/** The coordinator is loading, or its log does not take anything for a while: the same again, later. */
export function isPassing(errorCode: number): boolean {
  return PASSING.has(errorCode)
}

const PASSING: ReadonlySet<number> = new Set([
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.KAFKA_STORAGE_ERROR,
])

/** A commit that was under way when its coordinator went, or took too long: it may be in the log. */
export function mayBeWritten(errorCode: number): boolean {
  return isPassing(errorCode) && errorCode !== ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
}
