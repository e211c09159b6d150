import type { GroupContext } from '../context.ts'
import type { GroupListing } from '../listing.ts'
import type { TopicsImage } from '../topics-image.ts'
import type { ConsumerGroup, ConsumerGroupState, GroupView, MemberView } from './consumer-group.ts'
import type { CurrentAssignment } from './current-assignment.ts'
import { preferredAssignor } from './next-epoch.ts'

interface DescribedTopic {
  readonly topicId: string
  readonly topicName: string
  readonly partitions: number[]
}

export interface ConsumerGroupDescription {
  readonly groupState: ConsumerGroupState
  readonly groupEpoch: number
  readonly assignmentEpoch: number
  readonly assignorName: string
  readonly members: {
    readonly memberId: string
    readonly instanceId: string | null
    readonly rackId: string | null
    readonly memberEpoch: number
    readonly clientId: string
    readonly clientHost: string
    readonly subscribedTopicNames: string[]
    /** Empty for none. */
    readonly subscribedTopicRegex: string
    readonly assignment: { readonly topicPartitions: DescribedTopic[] }
    readonly targetAssignment: { readonly topicPartitions: DescribedTopic[] }
    /** 0: classic; 1: consumer. */
    readonly memberType: number
  }[]
}

/** Of what is committed. */
export function describeConsumer(view: GroupView, context: GroupContext): ConsumerGroupDescription {
  const topics = context.topics()
  const subscriptions = view.members.map(({ subscription }) => subscription)
  return {
    groupState: view.state,
    groupEpoch: view.epoch,
    assignmentEpoch: view.targetEpoch,
    assignorName: preferredAssignor(subscriptions, context.config.consumer.assignors),
    members: view.members.map((member) => describeMember(member, topics)),
  }
}

function describeMember({ memberId, subscription, current, target }: MemberView, topics: TopicsImage) {
  const { instanceId, rackId, clientId, clientHost, topicNames, topicRegex, classic } = subscription
  return {
    memberId,
    instanceId,
    rackId,
    memberEpoch: current.memberEpoch,
    clientId,
    clientHost,
    subscribedTopicNames: [...topicNames],
    subscribedTopicRegex: topicRegex ?? '',
    assignment: { topicPartitions: named(owned(current), topics) },
    targetAssignment: { topicPartitions: named(target, topics) },
    memberType: classic === null ? 1 : 0,
  }
}

/** What the member is to give up is still with it. */
function owned({ assigned, pendingRevocation }: CurrentAssignment): Map<string, number[]> {
  const all = new Map<string, number[]>()
  for (const [topicId, partitions] of [...assigned, ...pendingRevocation]) {
    all.set(
      topicId,
      [...(all.get(topicId) ?? []), ...partitions.keys()].sort((a, b) => a - b),
    )
  }
  return all
}

/** Topics that are gone are left out. */
function named(
  assignment: Iterable<readonly [topicId: string, partitions: readonly number[]]>,
  topics: TopicsImage,
): DescribedTopic[] {
  const described: DescribedTopic[] = []
  for (const [topicId, partitions] of assignment) {
    const topic = topics.topicById(topicId)
    if (topic !== undefined) described.push({ topicId, topicName: topic.name, partitions: [...partitions] })
  }
  return described
}

export function listedConsumer({ groupId }: ConsumerGroup, { state }: GroupView): GroupListing {
  return { groupId, protocolType: 'consumer', state, type: 'Consumer' }
}
