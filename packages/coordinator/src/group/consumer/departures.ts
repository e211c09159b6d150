import { NOTHING, type Outcome } from '../../runtime/outcome.ts'
import type { ClassicGroups } from '../classic/classic-groups.ts'
import type { GroupContext } from '../context.ts'
import { groupMetadata } from '../records.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { downgraded } from './downgrade.ts'
import { without } from './progress.ts'
import { groupTombstones, memberTombstones, regexTombstone } from './records.ts'

/**
 * What becomes of a group when members go. Where the last one of the consumer protocol goes, and others stay, the group is a
 * classic one again, if `group.consumer.migration.policy` lets it.
 */
export class Departures {
  readonly #context: GroupContext
  readonly #classic: ClassicGroups

  constructor(context: GroupContext, classic: ClassicGroups) {
    this.#context = context
    this.#classic = classic
  }

  depart(group: ConsumerGroup, memberIds: readonly string[], nowMs: number): Outcome<void> {
    if (memberIds.length === 0) return NOTHING
    if (!this.#isClassicWithout(group, memberIds)) {
      return { records: without(this.#context, group, memberIds, nowMs), reply: undefined }
    }
    const { groupId } = group
    const stored = downgraded(group, memberIds, this.#context.topics(), nowMs)
    this.#context.log('consumer group is a classic group again', { group: groupId, epoch: group.epoch })
    const adopted = this.#classic.adopt(groupId, stored, nowMs)
    return {
      records: [
        ...[...group.subscriptions.keys()].flatMap((memberId) => memberTombstones(groupId, memberId)),
        ...[...group.regexes.keys()].map((regex) => regexTombstone(groupId, regex)),
        ...groupTombstones(groupId),
        groupMetadata.put({ group: groupId }, stored),
      ],
      reply: undefined,
      onAppended: (errorCode) => {
        if (errorCode !== 0) adopted.undo()
      },
    }
  }

  #isClassicWithout(group: ConsumerGroup, memberIds: readonly string[]): boolean {
    const { config } = this.#context
    if (!['downgrade', 'bidirectional'].includes(config.consumer.migrationPolicy)) return false
    const gone = memberIds.map((memberId) => group.subscriptions.get(memberId)!)
    if (gone.every(({ classic }) => classic !== null)) return false
    const rest = [...group.subscriptions].filter(([memberId]) => !memberIds.includes(memberId))
    return rest.length > 0 && rest.length <= config.membersMax && rest.every(([, { classic }]) => classic !== null)
  }
}
