import { NOTHING, type Outcome } from '../../runtime/outcome.ts'
import type { GroupContext } from '../context.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerGroups } from './consumer-groups.ts'
import type { CurrentAssignment } from './current-assignment.ts'

export type PutOut = (group: ConsumerGroup, memberId: string, why: string, nowMs: number) => Outcome<void>

const sessionKey = (groupId: string, memberId: string): string => `consumer session ${groupId} ${memberId}`
const revocationKey = (groupId: string, memberId: string): string => `consumer revocation ${groupId} ${memberId}`

/**
 * How long members may be silent, and how long they may take to give up partitions. A timer that has outlived what it was for
 * does nothing.
 */
export class ConsumerSessions {
  readonly #context: GroupContext
  readonly #groups: ConsumerGroups
  readonly #putOut: PutOut

  constructor(context: GroupContext, groups: ConsumerGroups, putOut: PutOut) {
    this.#context = context
    this.#groups = groups
    this.#putOut = putOut
  }

  /** Every member's time begins anew. */
  loaded(): void {
    for (const group of this.#groups.all()) {
      for (const [memberId, { rebalanceTimeoutMs }] of group.subscriptions) {
        this.heardOf(group.groupId, memberId)
        this.awaitRevocation(group.groupId, memberId, group.current(memberId), rebalanceTimeoutMs)
      }
    }
  }

  heardOf(groupId: string, memberId: string): void {
    const { sessionTimeoutMs } = this.#context.config.consumer
    this.#context.timers.schedule(sessionKey(groupId, memberId), sessionTimeoutMs, (nowMs) => {
      const group = this.#groups.get(groupId)
      if (group === undefined || !group.has(memberId)) return NOTHING
      return this.#putOut(group, memberId, 'its session is over', nowMs)
    })
  }

  /** The member has its rebalance timeout to give up what it is to, if it is to. */
  awaitRevocation(
    groupId: string,
    memberId: string,
    { state, memberEpoch }: CurrentAssignment,
    timeoutMs: number,
  ): void {
    if (state !== 'UnrevokedPartitions') return
    this.#context.timers.schedule(revocationKey(groupId, memberId), timeoutMs, (nowMs) => {
      const group = this.#groups.get(groupId)
      const current = group?.has(memberId) === true ? group.current(memberId) : null
      if (current?.state !== 'UnrevokedPartitions' || current.memberEpoch !== memberEpoch) return NOTHING
      return this.#putOut(group!, memberId, 'it did not give up its partitions in time', nowMs)
    })
  }
}
