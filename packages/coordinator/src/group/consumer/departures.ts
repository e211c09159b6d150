import { NOTHING, type Outcome } from '../../runtime/outcome.ts'
import type { StoredGroup } from '../classic/classic-group.ts'
import type { ClassicGroups } from '../classic/classic-groups.ts'
import type { GroupContext } from '../context.ts'
import { groupMetadata } from '../records.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { isReconciled } from './current-assignment.ts'
import { downgraded, type Remaining } from './downgrade.ts'
import { type Found, without } from './progress.ts'
import { groupTombstones, memberTombstones, regexTombstone } from './records.ts'
import { type Subscription, wantsOtherTopics } from './subscription.ts'

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
    const members = [...group.subscriptions].filter(([memberId]) => !memberIds.includes(memberId))
    const remaining = members.map(([memberId, subscription]) => ({ memberId, subscription, knownAs: memberId }))
    return this.#becomeClassic(group, remaining, true, nowMs).outcome
  }

  /**
   * A static member comes back as a classic one. Null unless it was the last of the consumer protocol. Nobody has to join again
   * where all have what is theirs, and it wants nothing else.
   */
  comeBack(
    group: ConsumerGroup,
    { memberId, replaced, subscription: before }: Found,
    subscription: Subscription,
    nowMs: number,
  ): { readonly outcome: Outcome<void>; readonly stored: StoredGroup } | null {
    if (replaced === null || before === null || before.classic !== null) return null
    const others = [...group.subscriptions].filter(([id]) => id !== replaced)
    const isLast = others.every(([, { classic }]) => classic !== null)
    if (!isLast || !this.#mayBeClassic(others.length + 1)) return null
    const isCalm =
      group.targetEpoch === group.epoch &&
      !wantsOtherTopics(before, subscription) &&
      others.every(([id]) => isReconciled(group.current(id), group.epoch))
    const remaining = others.map(([id, its]) => ({ memberId: id, subscription: its, knownAs: id }))
    return this.#becomeClassic(group, [...remaining, { memberId, subscription, knownAs: replaced }], !isCalm, nowMs)
  }

  #becomeClassic(group: ConsumerGroup, members: readonly Remaining[], rebalances: boolean, nowMs: number) {
    const { groupId } = group
    const stored = downgraded(group, members, this.#context.topics(), nowMs)
    this.#context.log('consumer group is a classic group again', { group: groupId, epoch: group.epoch })
    const adopted = this.#classic.adopt(groupId, stored, rebalances, nowMs)
    const outcome: Outcome<void> = {
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
    return { outcome, stored }
  }

  #isClassicWithout(group: ConsumerGroup, memberIds: readonly string[]): boolean {
    const gone = memberIds.map((memberId) => group.subscriptions.get(memberId)!)
    if (gone.every(({ classic }) => classic !== null)) return false
    const rest = [...group.subscriptions].filter(([memberId]) => !memberIds.includes(memberId))
    return this.#mayBeClassic(rest.length) && rest.every(([, { classic }]) => classic !== null)
  }

  #mayBeClassic(members: number): boolean {
    const { consumer, membersMax } = this.#context.config
    return ['downgrade', 'bidirectional'].includes(consumer.migrationPolicy) && members > 0 && members <= membersMax
  }
}
