import { ErrorCode } from '@ottla/protocol'
import { BrokerError, type KafkaError } from '../../errors.ts'
import {
  type MembershipEffect,
  type MembershipEvent,
  type MembershipMachine,
  type MembershipOptions,
  type MembershipState,
  type Partitions,
  type Rest,
  samePartitions,
  union,
} from './events.ts'

/*
 * A member of a group by the consumer protocol (KIP-848): one request says everything, again and again. The coordinator
 * assigns, the member moves towards that while it reads on, and says how far it has come.
 *
 * state \ event  join     new assignment  held, all of it  held, not yet  fenced  refused  overdue  leave
 * out            joining  –               –                –              –       –        –        left
 * joining        –        assigned        –                –              out     failed   –        left
 * assigned       –        assigned        member           same           out     failed   out      left
 * member         –        assigned        –                –              out     failed   out      left
 * failed, left   –        –               –                –              –       –        –        left
 *
 * "–" is no transition. "fenced" is FENCED_MEMBER_EPOCH or UNKNOWN_MEMBER_ID: it joins again from epoch 0, by the same name. So does
 * a member whose group is gone (GROUP_ID_NOT_FOUND): with its last member of this protocol it may have become a classic one.
 * "refused" is what asking again cannot change. One request is under way at a time; after one that had no answer the next says
 * everything anew, for nobody knows what the coordinator has heard.
 */

export interface ConsumerMembershipOptions extends MembershipOptions {
  /** Chosen by the client, for its life. */
  readonly memberId: string
}

/** ConsumerGroupHeartbeat; null is what has not changed. */
export interface ConsumerAsk {
  /** 0 to join, -1 to leave, -2 to leave for a while. */
  readonly epoch: number
  /** Say what does not change, too: the time to give up partitions, rack, assignor. */
  readonly isFull: boolean
  /** Say what is subscribed to. */
  readonly subscribes: boolean
  readonly owned: Partitions | null
}

export interface ConsumerAnswer {
  readonly epoch: number
  readonly heartbeatIntervalMs: number
  /** Null: as before. */
  readonly assignment: Partitions | null
}

const JOIN_EPOCH = 0
const LEAVE_EPOCH = -1
const LEAVE_STATIC_EPOCH = -2
const NOTHING: Partitions = new Map()
const FENCED: ReadonlySet<number> = new Set([ErrorCode.FENCED_MEMBER_EPOCH, ErrorCode.UNKNOWN_MEMBER_ID])
/** The instance is another consumer's. */
const TAKEN: ReadonlySet<number> = new Set([ErrorCode.FENCED_INSTANCE_ID, ErrorCode.UNRELEASED_INSTANCE_ID])

type Effect = MembershipEffect<ConsumerAsk>

export class ConsumerMembership implements MembershipMachine<ConsumerAsk, ConsumerAnswer> {
  readonly #options: ConsumerMembershipOptions
  #state: MembershipState = { name: 'out' }
  #epoch = JOIN_EPOCH
  #term = 0
  #effects: Effect[] = []
  #waitsUntilMs: number | null = null
  #pending: number | null = null
  #lastNumber = 0
  #assignment: Partitions = NOTHING
  #held: Partitions = NOTHING
  /** The reader does not know yet what some of the assignment is. */
  #isIncomplete = false
  /** Assigned since the reader was last done: it may come to hold any of it. */
  #coming: Partitions = NOTHING
  /** The coordinator may know none of it. */
  #mustSayAll = true
  #mustSubscribe = false
  /** It has not been told what is held now. */
  #mustSayHeld = false
  /** It waits for an answer to what it assigned: what it has taken back since it takes for held until it is told. */
  #owesAnswer = false
  #said: Partitions = NOTHING
  #failures = 0
  /** When to ask next, unless something has to be said before. */
  #heartbeatAtMs = 0
  /** Before it nothing is asked. */
  #notBeforeMs = 0
  #heardMs = 0

  constructor(options: ConsumerMembershipOptions) {
    this.#options = options
  }

  get state(): MembershipState {
    return this.#state
  }

  get memberId(): string {
    return this.#epoch > 0 ? this.#options.memberId : ''
  }

  get generation(): number {
    return this.#epoch > 0 ? this.#epoch : -1
  }

  get term(): number {
    return this.#term
  }

  on(event: MembershipEvent<ConsumerAnswer>, nowMs: number): Effect[] {
    this.#handle(event, nowMs)
    this.#askNext(nowMs)
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  #handle(event: MembershipEvent<ConsumerAnswer>, nowMs: number): void {
    switch (event.type) {
      case 'join':
        if (this.#state.name === 'out') this.#onJoin(nowMs)
        return
      case 'held':
        if (this.#isIn) this.#onHeld(event.owned, event.rest)
        return
      case 'topics-changed':
        this.#mustSubscribe = true
        return
      case 'answer':
        if (event.number === this.#pending) this.#onAnswer(event.answer, nowMs)
        return
      case 'failure':
        if (event.number === this.#pending) this.#onFailure(event.error, nowMs)
        return
      case 'commit-refused':
        if (this.#isIn) this.#onCommitRefused(event.error, nowMs)
        return
      case 'overdue':
        if (!this.#isIn) return
        this.#farewell()
        this.#putOut(event.reason)
        return
      case 'leave':
        if (this.#isKnown) this.#farewell()
        if (this.#state.name !== 'left') this.#enter({ name: 'left' })
        return
      case 'time':
        return
    }
  }

  get #isIn(): boolean {
    const { name } = this.#state
    return name === 'assigned' || name === 'member'
  }

  /** The coordinator may have a member of this name that is this one. */
  get #isKnown(): boolean {
    if (this.#state.name !== 'failed') return this.#isIn || this.#state.name === 'joining'
    const { error } = this.#state
    return !(error instanceof BrokerError) || !TAKEN.has(error.errorCode)
  }

  #onJoin(nowMs: number): void {
    this.#epoch = JOIN_EPOCH
    this.#term += 1
    this.#assignment = NOTHING
    this.#held = NOTHING
    this.#coming = NOTHING
    this.#isIncomplete = false
    this.#owesAnswer = false
    this.#mustSayAll = true
    this.#heardMs = nowMs
    this.#heartbeatAtMs = nowMs
    this.#enter({ name: 'joining' })
  }

  #onHeld(owned: Partitions, rest: Rest): void {
    if (!samePartitions(owned, this.#held)) this.#mustSayHeld = true
    this.#held = owned
    if (this.#state.name !== 'assigned' || rest === 'coming') return
    this.#isIncomplete = rest === 'unknown'
    this.#coming = this.#assignment
    if (this.#isIncomplete || samePartitions(owned, this.#assignment)) this.#settle()
  }

  #settle(): void {
    if (this.#state.name !== 'member') this.#enter({ name: 'member' })
    this.#coming = NOTHING
    if (this.#owesAnswer) this.#mustSayHeld = true
  }

  #onAnswer(answer: ConsumerAnswer, nowMs: number): void {
    this.#pending = null
    this.#failures = 0
    this.#heardMs = nowMs
    this.#epoch = answer.epoch
    this.#heartbeatAtMs = nowMs + answer.heartbeatIntervalMs
    if (answer.assignment !== null) {
      this.#assignment = answer.assignment
      this.#coming = union(this.#coming, answer.assignment)
      if (!samePartitions(answer.assignment, this.#said)) this.#owesAnswer = true
      this.#isIncomplete = false
    }
    const { name } = this.#state
    // What could not be told before may be known by now.
    if (answer.assignment === null && name !== 'joining' && !this.#isIncomplete) return
    const isNew = !samePartitions(this.#held, this.#assignment)
    // While the reader still takes over what was assigned before, it is the reader who says when it is done.
    if (isNew || name === 'assigned') this.#enter({ name: 'assigned', assignment: this.#assignment })
    else this.#settle()
  }

  #onFailure(error: KafkaError, nowMs: number): void {
    this.#pending = null
    this.#mustSayAll = true
    this.#failures += 1
    this.#notBeforeMs = nowMs + this.#options.waitMs(this.#failures)
    const isGone = error instanceof BrokerError && error.errorCode === ErrorCode.GROUP_ID_NOT_FOUND && this.#epoch > 0
    if (isGone || (error instanceof BrokerError && FENCED.has(error.errorCode))) {
      // The first time there is nothing to wait for.
      if (this.#failures === 1) this.#notBeforeMs = nowMs
      this.#putOut(error.message)
      return
    }
    const isLate = this.#state.name === 'joining' && this.#notBeforeMs >= this.#heardMs + this.#options.joinTimeoutMs
    if (!error.retriable || isLate) this.#enter({ name: 'failed', error })
  }

  #onCommitRefused(error: KafkaError, nowMs: number): void {
    if (!(error instanceof BrokerError)) return
    if (FENCED.has(error.errorCode)) this.#putOut(error.message)
    else if (error.errorCode === ErrorCode.FENCED_INSTANCE_ID) this.#enter({ name: 'failed', error })
    // The next answer says which epoch it is.
    else if (error.errorCode === ErrorCode.STALE_MEMBER_EPOCH) this.#heartbeatAtMs = nowMs
  }

  #putOut(reason: string): void {
    this.#effects.push({ type: 'put-out', reason })
    this.#enter({ name: 'out' })
  }

  #farewell(): void {
    const epoch = this.#options.isStatic ? LEAVE_STATIC_EPOCH : LEAVE_EPOCH
    this.#effects.push({ type: 'bid-farewell', ask: { epoch, isFull: false, subscribes: false, owned: null } })
  }

  #enter(state: MembershipState): void {
    if (state.name === 'out' || state.name === 'failed' || state.name === 'left') this.#pending = null
    this.#state = state
    this.#effects.push({ type: 'entered', state })
  }

  // ---- what follows from the state

  #askNext(nowMs: number): void {
    let untilMs: number | null = null
    if ((this.#isIn || this.#state.name === 'joining') && this.#pending === null) {
      const hasNews = this.#mustSayAll || this.#mustSubscribe || this.#mustSayHeld
      const atMs = Math.max(hasNews ? nowMs : this.#heartbeatAtMs, this.#notBeforeMs)
      if (atMs <= nowMs) this.#ask()
      else untilMs = atMs
    }
    if (untilMs === this.#waitsUntilMs) return
    this.#waitsUntilMs = untilMs
    this.#effects.push({ type: 'wait', untilMs })
  }

  #ask(): void {
    const isFull = this.#mustSayAll
    // What is on its way to the reader counts as held: nobody else can have it before it was given up.
    if (isFull || this.#mustSayHeld) {
      this.#said = union(this.#held, this.#coming)
      if (samePartitions(this.#said, this.#held)) this.#owesAnswer = false
    }
    const ask: ConsumerAsk = {
      epoch: this.#epoch,
      isFull,
      subscribes: isFull || this.#mustSubscribe,
      owned: isFull || this.#mustSayHeld ? this.#said : null,
    }
    this.#mustSayAll = false
    this.#mustSubscribe = false
    this.#mustSayHeld = false
    this.#pending = ++this.#lastNumber
    this.#effects.push({ type: 'ask', number: this.#pending, ask })
  }
}
