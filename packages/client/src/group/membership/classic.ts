import { ErrorCode } from '@ottla/protocol'
import { BrokerError, type KafkaError } from '../../errors.ts'
import {
  holdsAll,
  type MembershipEffect,
  type MembershipEvent,
  type MembershipMachine,
  type MembershipOptions,
  type MembershipState,
  type Partitions,
} from './events.ts'

/*
 * A member of a group by the classic protocol.
 *
 * state \ event  join     held                 topics-changed  rebalance     unknown, stale  fenced  overdue  leave
 * out            joining  –                    –               –             –               –       –        left
 * joining        –        –                    same (noted)    same (again)  out, or same    failed  –        left
 * assigned       –        member, rebalancing  same (noted)    same (noted)  out             failed  out      left
 * member         –        –                    rebalancing     rebalancing   out             failed  out      left
 * rebalancing    joining  –                    –               –             out             failed  out      left
 * failed, left   –        –                    –               –             –               –       –        left
 *
 * "–" is no transition. "rebalance" is REBALANCE_IN_PROGRESS, "unknown, stale" UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION or a
 * session without an answer; whoever holds no partition that it could have lost joins again at once. A join that fails goes on
 * while that may heal, else it is `failed`. Who was put out by UNKNOWN_MEMBER_ID or has left is to be named anew, who has
 * only missed a generation keeps its name (KIP-345, Kafka's `AbstractCoordinator`).
 */

export interface ClassicOptions extends MembershipOptions {
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
}

/** A member as JoinGroup tells the leader of it. */
export interface JoinedMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly metadata: Buffer
}

export type ClassicAsk =
  | { readonly api: 'JoinGroup'; readonly memberId: string; readonly generation: number; readonly owned: Partitions }
  /** `members`: those to assign partitions to; null of who does not lead. */
  | {
      readonly api: 'SyncGroup'
      readonly memberId: string
      readonly generation: number
      readonly protocolName: string
      readonly members: readonly JoinedMember[] | null
    }
  | { readonly api: 'Heartbeat'; readonly memberId: string; readonly generation: number }
  | { readonly api: 'LeaveGroup'; readonly memberId: string; readonly reason: string }

export type ClassicAnswer =
  /** MEMBER_ID_REQUIRED: join again by this name. */
  | { readonly api: 'JoinGroup'; readonly named: string }
  | {
      readonly api: 'JoinGroup'
      readonly memberId: string
      readonly generation: number
      readonly protocolName: string
      readonly members: readonly JoinedMember[] | null
    }
  | { readonly api: 'SyncGroup'; readonly assignment: Partitions }
  | { readonly api: 'Heartbeat' | 'LeaveGroup' }

const STALE: ReadonlySet<number> = new Set([ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.ILLEGAL_GENERATION])

type Effect = MembershipEffect<ClassicAsk>

export class ClassicMembership implements MembershipMachine<ClassicAsk, ClassicAnswer> {
  readonly #options: ClassicOptions
  #state: MembershipState = { name: 'out' }
  #memberId = ''
  #generation = -1
  #term = 0
  #effects: Effect[] = []
  #waitsUntilMs: number | null = null
  /** Of the request under way; what answers another is of no interest any more. */
  #pending: number | null = null
  #lastNumber = 0
  /** It was told that its name means nothing, or has left. */
  #isNameless = true
  /** What it said that it keeps when it joined. */
  #owned: Partitions = new Map()
  #mustRejoin = false
  #failures = 0
  #joinAtMs = 0
  #heartbeatAtMs = 0
  #heardMs = 0

  constructor(options: ClassicOptions) {
    this.#options = options
  }

  get state(): MembershipState {
    return this.#state
  }

  get memberId(): string {
    return this.#memberId
  }

  get generation(): number {
    return this.#generation
  }

  get term(): number {
    return this.#term
  }

  on(event: MembershipEvent<ClassicAnswer>, nowMs: number): Effect[] {
    this.#handle(event, nowMs)
    this.#askNext(nowMs)
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  #handle(event: MembershipEvent<ClassicAnswer>, nowMs: number): void {
    switch (event.type) {
      case 'join':
        this.#onJoin(event.owned, nowMs)
        return
      case 'held':
        if (event.rest !== 'coming') this.#onHeld(event.rest === 'unknown')
        return
      case 'topics-changed':
        this.#rejoin()
        return
      case 'answer':
        if (event.number === this.#pending) this.#onAnswer(event.answer, nowMs)
        return
      case 'failure':
        if (event.number !== this.#pending) return
        this.#pending = null
        if (this.#state.name === 'joining') this.#onJoinFailure(event.error, nowMs)
        else this.#onRefusal(event.error)
        return
      case 'commit-refused':
        if (this.#isIn) this.#onRefusal(event.error)
        return
      case 'overdue':
        if (!this.#isIn) return
        this.#farewell(event.reason)
        this.#putOut(event.reason)
        return
      case 'leave':
        if (this.#state.name === 'left') return
        this.#farewell(event.reason)
        this.#enter({ name: 'left' })
        return
      case 'time':
        return
    }
  }

  get #isIn(): boolean {
    const { name } = this.#state
    return name === 'assigned' || name === 'member' || name === 'rebalancing'
  }

  // ---- joining

  #onJoin(owned: Partitions, nowMs: number): void {
    const { name } = this.#state
    if (name !== 'out' && name !== 'rebalancing') return
    if (name === 'out') this.#identify(this.#isNameless ? '' : this.#memberId, -1)
    this.#owned = owned
    this.#mustRejoin = false
    this.#pending = null
    this.#heardMs = nowMs
    this.#joinAtMs = Math.max(this.#joinAtMs, nowMs)
    this.#enter({ name: 'joining' })
  }

  #onAnswer(answer: ClassicAnswer, nowMs: number): void {
    this.#pending = null
    this.#heardMs = nowMs
    switch (answer.api) {
      case 'JoinGroup':
        if ('named' in answer) {
          this.#isNameless = false
          this.#identify(answer.named, -1)
          return
        }
        this.#isNameless = false
        this.#identify(answer.memberId, answer.generation)
        this.#ask({
          api: 'SyncGroup',
          memberId: answer.memberId,
          generation: answer.generation,
          protocolName: answer.protocolName,
          members: answer.members,
        })
        return
      case 'SyncGroup':
        this.#failures = 0
        this.#heartbeatAtMs = nowMs + this.#options.heartbeatIntervalMs
        this.#enter({ name: 'assigned', assignment: answer.assignment })
        return
      case 'Heartbeat':
      case 'LeaveGroup':
        return
    }
  }

  #onJoinFailure(error: KafkaError, nowMs: number): void {
    const isStale = error instanceof BrokerError && STALE.has(error.errorCode)
    const mayHeal = isStale || (error instanceof BrokerError && error.errorCode === ErrorCode.REBALANCE_IN_PROGRESS)
    // The group has answered: only silence and a coordinator that is not there count as time lost.
    if (mayHeal) this.#heardMs = nowMs
    this.#failures += 1
    // The first time there is nothing to wait for.
    const waitMs = mayHeal && this.#failures === 1 ? 0 : this.#options.waitMs(this.#failures)
    if (!mayHeal && (!error.retriable || nowMs + waitMs >= this.#heardMs + this.#options.joinTimeoutMs)) {
      this.#enter({ name: 'failed', error })
      return
    }
    this.#joinAtMs = nowMs + waitMs
    if (isStale) this.#onStale(error)
  }

  /** Its name or its generation is not the group's any more, and what it kept is not its own. */
  #onStale(error: BrokerError): void {
    if (error.errorCode === ErrorCode.UNKNOWN_MEMBER_ID) this.#isNameless = true
    if (this.#isIn || this.#owned.size > 0) {
      this.#putOut(error.message)
      return
    }
    this.#identify(this.#isNameless ? '' : this.#memberId, -1)
  }

  #identify(memberId: string, generation: number): void {
    this.#memberId = memberId
    this.#generation = generation
    this.#term += 1
  }

  #onHeld(isIncomplete: boolean): void {
    if (this.#state.name !== 'assigned') return
    // What it gave up is free for others now (KIP-429).
    const gaveUp = !holdsAll(this.#state.assignment, this.#owned)
    // Of a topic that does not exist any more nothing will be assigned the next time.
    this.#enter({ name: gaveUp || isIncomplete || this.#mustRejoin ? 'rebalancing' : 'member' })
  }

  // ---- staying

  /** What the coordinator said to a heartbeat or a commit may end the generation, or the membership. */
  #onRefusal(error: KafkaError): void {
    if (!(error instanceof BrokerError)) return
    switch (error.errorCode) {
      case ErrorCode.REBALANCE_IN_PROGRESS:
        this.#rejoin()
        return
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.ILLEGAL_GENERATION:
        this.#onStale(error)
        return
      case ErrorCode.FENCED_INSTANCE_ID:
        // Another has taken the name: to take it back would go on for ever.
        this.#enter({ name: 'failed', error })
        return
    }
  }

  #rejoin(): void {
    if (this.#state.name === 'assigned' || this.#state.name === 'joining') this.#mustRejoin = true
    else if (this.#state.name === 'member') this.#enter({ name: 'rebalancing' })
  }

  #putOut(reason: string): void {
    this.#effects.push({ type: 'put-out', reason })
    this.#enter({ name: 'out' })
  }

  // ---- going

  /** A static member stays one for its session: it may come back. */
  #farewell(reason: string): void {
    if (this.#isNameless || this.#options.isStatic) return
    this.#isNameless = true
    this.#effects.push({ type: 'bid-farewell', ask: { api: 'LeaveGroup', memberId: this.#memberId, reason } })
  }

  // ---- what follows from the state

  #enter(state: MembershipState): void {
    if (state.name !== 'joining') this.#pending = null
    this.#state = state
    this.#effects.push({ type: 'entered', state })
  }

  #ask(ask: ClassicAsk): void {
    this.#pending = ++this.#lastNumber
    this.#effects.push({ type: 'ask', number: this.#pending, ask })
  }

  #askNext(nowMs: number): void {
    let untilMs: number | null = null
    if (this.#state.name === 'joining' && this.#pending === null) {
      if (this.#joinAtMs > nowMs) untilMs = this.#joinAtMs
      else {
        const { memberId, generation } = this
        this.#ask({ api: 'JoinGroup', memberId, generation, owned: this.#owned })
      }
    } else if (this.#isIn) untilMs = this.#heartbeat(nowMs)
    if (untilMs === this.#waitsUntilMs) return
    this.#waitsUntilMs = untilMs
    this.#effects.push({ type: 'wait', untilMs })
  }

  #heartbeat(nowMs: number): number | null {
    const { sessionTimeoutMs, heartbeatIntervalMs } = this.#options
    if (this.#heartbeatAtMs > nowMs) return this.#heartbeatAtMs
    if (nowMs - this.#heardMs >= sessionTimeoutMs) {
      this.#putOut('the coordinator was not heard of within the session')
      return null
    }
    this.#heartbeatAtMs = nowMs + heartbeatIntervalMs
    if (this.#pending === null) {
      this.#ask({ api: 'Heartbeat', memberId: this.memberId, generation: this.generation })
    }
    return this.#heartbeatAtMs
  }
}
