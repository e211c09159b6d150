import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeVersionedLeniently,
  encodeVersioned,
} from '@ottla/protocol'
import type { AssigningMember, Assignment } from './assignors/assignor.ts'

/** What consumers of a classic group tell each other; see `ConsumerProtocolSubscription`. */

const SUBSCRIPTION_VERSION = 3
const ASSIGNMENT_VERSION = 0

export function encodeSubscription(
  topics: readonly string[],
  owned: Assignment,
  generation: number,
  rackId: string | null,
  userData: Buffer | null,
): Buffer {
  return encodeVersioned(ConsumerProtocolSubscription, SUBSCRIPTION_VERSION, {
    topics: [...topics],
    userData,
    ownedPartitions: [...owned].map(([topic, partitions]) => ({ topic, partitions: [...partitions] })),
    generationId: generation,
    rackId,
  })
}

/** Throws `CodecError` for what no consumer sends. */
export function decodeMember(memberId: string, instanceId: string | null, metadata: Buffer): AssigningMember {
  const { topics, ownedPartitions, generationId, userData } = decodeVersionedLeniently(
    ConsumerProtocolSubscription,
    metadata,
  )
  return {
    memberId,
    instanceId,
    topics,
    owned: new Map((ownedPartitions ?? []).map(({ topic, partitions }) => [topic, partitions])),
    ownedGeneration: generationId ?? -1,
    userData: (userData as Buffer | null) ?? null,
  }
}

export function encodeAssignment(assignment: Assignment): Buffer {
  return encodeVersioned(ConsumerProtocolAssignment, ASSIGNMENT_VERSION, {
    assignedPartitions: [...assignment].map(([topic, partitions]) => ({ topic, partitions: [...partitions] })),
    userData: null,
  })
}

/** Nothing, for a member that was given nothing. */
export function decodeAssignment(bytes: Buffer): Assignment {
  if (bytes.length === 0) return new Map()
  const { assignedPartitions } = decodeVersionedLeniently(ConsumerProtocolAssignment, bytes)
  return new Map(assignedPartitions.map(({ topic, partitions }) => [topic, partitions]))
}
