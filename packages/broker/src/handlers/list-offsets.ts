import { ErrorCode, type InputOf, ListOffsetsRequest, ListOffsetsResponse, type MessageOf } from '@ottla/protocol'
import type { Partition } from '../replica-manager/partition.ts'
import type { ReplicaManager } from '../replica-manager/replica-manager.ts'
import { defineHandler, type Handler } from '../server/handler.ts'

/**
 * ListOffsets (key 2), versions 0 to 11: the offset that belongs to a point in time.
 *
 * - 0: a list of offsets; 1: one offset with its timestamp; 2: isolation level; 4: leader epochs; 6: flexible;
 *   7: max timestamp (-3); 8: earliest local (-4); 9: latest tiered (-5); 10: timeout; 11: earliest pending upload (-6).
 * - Nothing here is tiered: earliest local is the log start, latest tiered and pending upload are unknown (-1).
 */

type Body = MessageOf<typeof ListOffsetsRequest>
type Wanted = Body['topics'][number]['partitions'][number]
type Response = InputOf<typeof ListOffsetsResponse>
type PartitionAnswer = NonNullable<NonNullable<Response['topics']>[number]['partitions']>[number]

export const LATEST = -1
export const EARLIEST = -2
export const MAX_TIMESTAMP = -3
export const EARLIEST_LOCAL = -4
export const LATEST_TIERED = -5
export const EARLIEST_PENDING_UPLOAD = -6

const READ_COMMITTED = 1
const LEADER_EPOCH_VERSION = 4
const UNKNOWN = -1

export interface ListOffsetsDeps {
  readonly replicas: ReplicaManager
}

export function listOffsetsHandler({ replicas }: ListOffsetsDeps): Handler {
  return defineHandler({
    request: ListOffsetsRequest,
    response: ListOffsetsResponse,
    minVersion: 0,
    maxVersion: 11,
    handle(request, body) {
      const readCommitted = body.isolationLevel === READ_COMMITTED
      const asked = new Map<string, number>()
      for (const { name, partitions } of body.topics) {
        for (const { partitionIndex } of partitions) {
          const key = `${partitionIndex}:${name}`
          asked.set(key, (asked.get(key) ?? 0) + 1)
        }
      }
      const answer = (name: string, wanted: Wanted): PartitionAnswer => {
        // Kafka refuses a partition named twice (KafkaApis.handleListOffsetRequest).
        if (asked.get(`${wanted.partitionIndex}:${name}`) !== 1) return failed(wanted, ErrorCode.INVALID_REQUEST)
        const partition = replicas.partition(name, wanted.partitionIndex)
        if (partition === undefined) return failed(wanted, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        const fenced = replicas.checkLeaderEpoch(partition, wanted.currentLeaderEpoch)
        if (fenced !== ErrorCode.NONE) return failed(wanted, fenced)
        if (request.apiVersion > 0 && !isSupported(wanted.timestamp, request.apiVersion)) {
          return failed(wanted, ErrorCode.UNSUPPORTED_VERSION)
        }
        const found = partition.log.answered(() =>
          request.apiVersion === 0
            ? oldStyle(partition, wanted)
            : newStyle(partition, wanted, readCommitted, request.apiVersion),
        )
        return found ?? failed(wanted, ErrorCode.KAFKA_STORAGE_ERROR)
      }
      return {
        topics: body.topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map((wanted) => answer(name, wanted)),
        })),
      }
    },
    refuse: (body, errorCode) => ({
      topics: body.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((wanted) => failed(wanted, errorCode)),
      })),
    }),
  })
}

function failed({ partitionIndex }: Wanted, errorCode: number): PartitionAnswer {
  return { partitionIndex, errorCode, timestamp: UNKNOWN, offset: UNKNOWN }
}

function isSupported(timestamp: number, version: number): boolean {
  if (timestamp >= EARLIEST) return true
  if (timestamp === MAX_TIMESTAMP) return version >= 7
  if (timestamp === EARLIEST_LOCAL) return version >= 8
  if (timestamp === LATEST_TIERED) return version >= 9
  if (timestamp === EARLIEST_PENDING_UPLOAD) return version >= 11
  return false
}

function lookUp(
  partition: Partition,
  timestamp: number,
  readCommitted: boolean,
): { offset: number; timestamp: number; leaderEpoch: number } {
  const { log } = partition
  const end = readCommitted ? partition.lastStableOffset : partition.highWatermark
  switch (timestamp) {
    case LATEST:
      return { offset: end, timestamp: UNKNOWN, leaderEpoch: partition.leaderEpoch }
    case EARLIEST:
    case EARLIEST_LOCAL:
      return { offset: log.logStartOffset, timestamp: UNKNOWN, leaderEpoch: epochOfStart(partition) }
    case LATEST_TIERED:
    case EARLIEST_PENDING_UPLOAD:
      return { offset: UNKNOWN, timestamp: UNKNOWN, leaderEpoch: UNKNOWN }
  }
  const found = timestamp === MAX_TIMESTAMP ? log.fetchMaxTimestamp() : log.fetchOffsetByTimestamp(timestamp)
  if (found === null || found.offset >= end) return { offset: UNKNOWN, timestamp: UNKNOWN, leaderEpoch: UNKNOWN }
  return { offset: found.offset, timestamp: found.timestampMs, leaderEpoch: found.leaderEpoch }
}

/** Of an empty log it is the epoch that the first record will have. */
function epochOfStart({ log, highWatermark, leaderEpoch }: Partition): number {
  return log.logStartOffset >= highWatermark ? leaderEpoch : log.epochOf(log.logStartOffset)
}

function newStyle(partition: Partition, wanted: Wanted, readCommitted: boolean, version: number): PartitionAnswer {
  const { offset, timestamp, leaderEpoch } = lookUp(partition, wanted.timestamp, readCommitted)
  const answer = { partitionIndex: wanted.partitionIndex, offset, timestamp }
  return version >= LEADER_EPOCH_VERSION ? { ...answer, leaderEpoch } : answer
}

/** Version 0 knew segments' base offsets only; the ends of the log are what its users ask for. */
function oldStyle(partition: Partition, { partitionIndex, timestamp, maxNumOffsets }: Wanted): PartitionAnswer {
  const { offset } = lookUp(partition, timestamp, false)
  const all = timestamp === LATEST ? [offset, partition.log.logStartOffset] : offset === UNKNOWN ? [] : [offset]
  const distinct = [...new Set(all)].slice(0, Math.max(0, maxNumOffsets))
  return { partitionIndex, errorCode: ErrorCode.NONE, oldStyleOffsets: distinct }
}
