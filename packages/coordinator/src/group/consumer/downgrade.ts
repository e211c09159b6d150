import { ConsumerProtocolAssignment, encodeVersioned } from '@ottla/protocol'
import type { Assignment } from '../assignors/assignor.ts'
import { CONSUMER_PROTOCOL_TYPE, type StoredGroup } from '../classic/classic-group.ts'
import type { TopicsImage } from '../topics-image.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ClassicSide, Subscription } from './subscription.ts'

/** A member of the classic group to be. */
export interface Remaining {
  readonly memberId: string
  /** Of a classic member. */
  readonly subscription: Subscription
  /** The id under which the group knows it: that of the static member whose place it takes, else its own. */
  readonly knownAs: string
}

/** The group as a classic one of these members, who have what they were meant to have (`ClassicGroup.fromConsumerGroup`). */
export function downgraded(
  group: ConsumerGroup,
  members: readonly Remaining[],
  topics: TopicsImage,
  nowMs: number,
): StoredGroup {
  const protocol = commonProtocol(members.map(({ subscription }) => subscription.classic!))
  // Who only left for a while has none.
  const epochs = members.map(({ knownAs }) => group.current(knownAs).memberEpoch).filter((epoch) => epoch > 0)
  return {
    protocolType: CONSUMER_PROTOCOL_TYPE,
    // Not the group's epoch: a departure has raised it that the members have not heard of, and they would be fenced.
    generation: epochs.length === 0 ? group.epoch : Math.max(...epochs),
    protocol,
    leader: members[0].memberId,
    currentStateTimestamp: nowMs,
    members: members.map(({ memberId, subscription, knownAs }) => {
      const metadata = metadataOf(subscription, protocol)
      return {
        memberId,
        groupInstanceId: subscription.instanceId,
        clientId: subscription.clientId,
        clientHost: subscription.clientHost,
        rebalanceTimeout: subscription.rebalanceTimeoutMs,
        sessionTimeout: subscription.classic!.sessionTimeoutMs,
        subscription: metadata,
        assignment: classicAssignment(group.target(knownAs), metadata, topics),
      }
    }),
  }
}

/** One that all offer: the first of the first member's that the others have too. */
function commonProtocol(sides: readonly ClassicSide[]): string {
  const common = sides[0].protocols.find(({ name }) =>
    sides.every(({ protocols }) => protocols.some((protocol) => protocol.name === name)),
  )
  return common?.name ?? sides[0].protocols[0].name
}

function metadataOf({ classic }: Subscription, protocol: string): Buffer {
  return (classic!.protocols.find(({ name }) => name === protocol) ?? classic!.protocols[0]).metadata
}

/** What a member has, as classic consumers read it, in the version in which `metadata` is written. */
export function classicAssignment(assignment: Assignment, metadata: Buffer, topics: TopicsImage): Buffer {
  const { min, max } = ConsumerProtocolAssignment.versions
  const asked = metadata.length < 2 ? min : metadata.readInt16BE(0)
  const version = Math.max(min, Math.min(asked, max))
  const assignedPartitions: { topic: string; partitions: number[] }[] = []
  for (const [topicId, partitions] of assignment) {
    const topic = topics.topicById(topicId)
    if (topic !== undefined) assignedPartitions.push({ topic: topic.name, partitions: [...partitions] })
  }
  return encodeVersioned(ConsumerProtocolAssignment, version, { assignedPartitions, userData: null })
}
