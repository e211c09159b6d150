import { NOTHING, type Outcome } from '../../runtime/outcome.ts'
import type { GroupContext } from '../context.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerGroups } from './consumer-groups.ts'
import type { CurrentAssignment } from './current-assignment.ts'

export type PutOut = (group: ConsumerGroup, memberId: string, why: string, nowMs: number) => Outcome<void>

const sessionKey = (groupId: string, memberId: string): string => `consumer session ${groupId} ${memberId}`
const revocationKey = (groupId: string, memberId: string): string => `consumer revocation ${groupId} ${memberId}`

const joinKey = (groupId: string, memberId: string): string => `consumer join ${groupId} ${memberId}`
const syncKey = (groupId: string, memberId: string): string => `consumer sync ${groupId} ${memberId}`

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
      for (const [memberId, { rebalanceTimeoutMs, classic }] of group.subscriptions) {
        this.heardOf(group.groupId, memberId, classic?.sessionTimeoutMs)
        if (classic === null) this.awaitRevocation(group.groupId, memberId, group.current(memberId), rebalanceTimeoutMs)
      }
    }
  }

  /** Members of the classic protocol say themselves how long. */
  heardOf(
    groupId: string,
    memberId: string,
    timeoutMs = this.#context.config.consumer.sessionTimeoutMs(groupId),
  ): void {
    this.#schedule(sessionKey(groupId, memberId), groupId, memberId, timeoutMs, 'its session is over')
  }

  /** A classic member has been told to join again. */
  awaitJoin(groupId: string, memberId: string, timeoutMs: number): void {
    const key = joinKey(groupId, memberId)
    if (this.#context.timers.isScheduled(key)) return
    this.#schedule(key, groupId, memberId, timeoutMs, 'it did not join again in time')
  }

  /** A classic member has joined, and is to ask for what it has. */
  awaitSync(groupId: string, memberId: string, timeoutMs: number): void {
    this.#context.timers.cancel(joinKey(groupId, memberId))
    this.#schedule(
      syncKey(groupId, memberId),
      groupId,
      memberId,
      timeoutMs,
      'it did not ask for its assignment in time',
    )
  }

  synced(groupId: string, memberId: string): void {
    this.#context.timers.cancel(syncKey(groupId, memberId))
  }

  #schedule(key: string, groupId: string, memberId: string, timeoutMs: number, why: string): void {
    this.#context.timers.schedule(key, timeoutMs, (nowMs) => {
      const group = this.#groups.get(groupId)
      if (group === undefined || !group.has(memberId)) return NOTHING
      return this.#putOut(group, memberId, why, nowMs)
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
