import { NOTHING, type Outcome } from '../../runtime/outcome.ts'
import { NEW_MEMBER_JOIN_TIMEOUT_MS } from '../config.ts'
import type { GroupContext } from '../context.ts'
import type { ClassicGroup } from './classic-group.ts'
import type { ClassicMember } from './member.ts'
import { sessionKey } from './timer-keys.ts'

/** How long each member may be silent. */
export class Sessions {
  readonly #context: GroupContext
  readonly #over: (group: ClassicGroup, memberId: string, nowMs: number) => Outcome<void>

  constructor(context: GroupContext, over: (group: ClassicGroup, memberId: string, nowMs: number) => Outcome<void>) {
    this.#context = context
    this.#over = over
  }

  /** The member is alive: its session begins anew. */
  heardOf(group: ClassicGroup, member: ClassicMember): void {
    this.#schedule(group, member.memberId, member.sessionTimeoutMs)
  }

  /** A member that has never been in a generation has longer than its session: the first round may take its time. */
  awaitFirstGeneration(group: ClassicGroup, member: ClassicMember): void {
    this.#schedule(group, member.memberId, NEW_MEMBER_JOIN_TIMEOUT_MS)
  }

  /** A member id that was given out has to come back in this time. */
  awaitComingBack(group: ClassicGroup, memberId: string, sessionTimeoutMs: number): void {
    this.#schedule(group, memberId, sessionTimeoutMs)
  }

  forget(group: ClassicGroup, memberId: string): void {
    this.#context.timers.cancel(sessionKey(group.groupId, memberId))
  }

  #schedule(group: ClassicGroup, memberId: string, delayMs: number): void {
    this.#context.timers.schedule(sessionKey(group.groupId, memberId), delayMs, (nowMs) =>
      group.is('Dead') ? NOTHING : this.#over(group, memberId, nowMs),
    )
  }
}
