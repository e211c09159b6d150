import type {
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupRegularExpressionValue,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataValue,
  MessageOf,
} from '@ottla/protocol'
import type { CoordinatorRecord } from '../../runtime/record.ts'
import { Timeline } from '../../runtime/timeline.ts'
import type { Assignment } from '../assignors/assignor.ts'
import type { GroupContext } from '../context.ts'
import { restoreOwned } from './assigned.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { type CurrentAssignment, stateOf } from './current-assignment.ts'
import {
  consumerRecordTypes,
  groupEpoch,
  groupTombstones,
  memberCurrent,
  memberSubscription,
  memberTarget,
  regexTombstone,
  regularExpression,
  targetEpoch,
} from './records.ts'
import type { ResolvedRegex } from './regex.ts'
import { restoreSubscription } from './subscription.ts'

/** The groups of the consumer protocol in one shard, as their records have made them. */
export class ConsumerGroups {
  readonly #context: GroupContext
  readonly #groups = new Map<string, ConsumerGroup>()

  constructor(context: GroupContext) {
    this.#context = context
  }

  /** A group as these records will make it; nothing of it is in the shard. */
  static draft(context: GroupContext, groupId: string, records: readonly CoordinatorRecord[]): ConsumerGroup {
    const groups = new ConsumerGroups({ ...context, timeline: new Timeline() })
    for (const record of records) groups.replay(record)
    return groups.getOrCreate(groupId)
  }

  get(groupId: string): ConsumerGroup | undefined {
    const group = this.#groups.get(groupId)
    return group?.exists === true ? group : undefined
  }

  /** Whether or not its first record is there yet. */
  getOrCreate(groupId: string): ConsumerGroup {
    let group = this.#groups.get(groupId)
    if (group === undefined) {
      group = new ConsumerGroup(groupId, this.#context.timeline)
      this.#groups.set(groupId, group)
    }
    return group
  }

  *all(): Iterable<ConsumerGroup> {
    for (const group of this.#groups.values()) if (group.exists) yield group
  }

  committed(groupId: string): ConsumerGroup | undefined {
    const group = this.#groups.get(groupId)
    return group?.isCommitted === true ? group : undefined
  }

  *allCommitted(): Iterable<ConsumerGroup> {
    for (const group of this.#groups.values()) if (group.isCommitted) yield group
  }

  /** Lets go of what deleted groups have left, once that is committed. */
  sweep(): void {
    for (const [groupId, group] of this.#groups) if (group.isForgotten) this.#groups.delete(groupId)
  }

  /** Deletes a group without members. */
  tombstones(group: ConsumerGroup): CoordinatorRecord[] {
    const regexes = [...group.regexes.keys()].map((regex) => regexTombstone(group.groupId, regex))
    return [...regexes, ...groupTombstones(group.groupId)]
  }

  /** Whether the record is one of these groups'. What deletes a group that is not there changes nothing. */
  replay({ type, key, value }: CoordinatorRecord): boolean {
    if (!consumerRecordTypes.some(({ id }) => id === type.id)) return false
    if (value === null && !this.#groups.has(key.groupId)) return true
    const group = this.getOrCreate(key.groupId)
    switch (type.id) {
      case groupEpoch.id:
        group.replayEpoch(value)
        break
      case targetEpoch.id:
        group.replayTargetEpoch(value === null ? null : restoreTargetEpoch(value))
        break
      case memberSubscription.id:
        group.replaySubscription(key.memberId, value === null ? null : restoreSubscription(value))
        break
      case memberTarget.id:
        group.replayTarget(key.memberId, value === null ? null : restoreTarget(value))
        break
      case memberCurrent.id:
        group.replayCurrent(key.memberId, value === null ? null : restoreCurrent(value))
        break
      case regularExpression.id:
        group.replayRegex(key.regularExpression, value === null ? null : restoreRegex(value))
        break
    }
    return true
  }
}

function restoreTargetEpoch(value: MessageOf<typeof ConsumerGroupTargetAssignmentMetadataValue>) {
  return { epoch: value.assignmentEpoch, timestampMs: value.assignmentTimestamp }
}

function restoreTarget({ topicPartitions }: MessageOf<typeof ConsumerGroupTargetAssignmentMemberValue>): Assignment {
  return new Map(topicPartitions.map(({ topicId, partitions }) => [topicId, partitions]))
}

function restoreCurrent(value: MessageOf<typeof ConsumerGroupCurrentMemberAssignmentValue>): CurrentAssignment {
  const { memberEpoch, previousMemberEpoch, state, assignedPartitions, partitionsPendingRevocation } = value
  return {
    memberEpoch,
    previousMemberEpoch,
    state: stateOf(state),
    assigned: restoreOwned(assignedPartitions, memberEpoch),
    pendingRevocation: restoreOwned(partitionsPendingRevocation, memberEpoch),
  }
}

function restoreRegex({
  topics,
  version,
  timestamp,
}: MessageOf<typeof ConsumerGroupRegularExpressionValue>): ResolvedRegex {
  return { topicNames: topics, version, timestampMs: timestamp }
}
