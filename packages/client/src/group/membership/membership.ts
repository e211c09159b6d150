import type { TimerHandle } from '@ottla/runtime'
import type { Cluster } from '../../cluster/cluster.ts'
import { KafkaError } from '../../errors.ts'
import type { GroupMetadata } from '../../group-metadata.ts'
import type { Assignment } from '../assignors/assignor.ts'
import type { CoordinatorLink } from '../coordinator-link.ts'
import type { GroupSettings } from '../options.ts'
import type { Subscription } from '../subscription.ts'
import { ClassicExchange } from './classic-exchange.ts'
import { ConsumerExchange } from './consumer-exchange.ts'
import type { MembershipEffect, MembershipEvent, MembershipState, Rest } from './events.ts'
import type { Exchange, NamedAssignment } from './exchange.ts'

/** A membership of either protocol, as the reader of its consumer sees it. */
export interface Membership {
  readonly state: MembershipState
  /** While it is the same, partitions that are held have not been anybody else's in between. */
  readonly term: number
  who(): GroupMetadata
  join(owned: Assignment): void
  /** What the state `assigned` says, by name. */
  assignment(owned: Assignment): Promise<NamedAssignment>
  /** After each step towards an assignment. */
  held(owned: Assignment, rest: Rest): void
  subscribe(subscription: Subscription): void
  onCommitRefused(error: KafkaError): void
  /** Resolves when the coordinator has been asked, or could not be, how the membership stands. */
  renewed(): Promise<void>
  /** A record has been worked on for too long. */
  overdue(reason: string): void
  /** Never rejects: the others notice its silence, too. */
  leave(reason: string): Promise<void>
  close(): void
}

export function membershipOf(
  cluster: Cluster,
  settings: GroupSettings,
  link: CoordinatorLink,
  onChange: () => void,
): Membership {
  return settings.groupProtocol === 'consumer'
    ? new MembershipDriver(cluster, settings, new ConsumerExchange(cluster, settings, link), onChange)
    : new MembershipDriver(cluster, settings, new ClassicExchange(cluster, settings, link), onChange)
}

/** Attempts to leave: the others notice silence, too, only later. */
const FAREWELLS_MAX = 2

/** What a machine decides, this does: asks the coordinator, keeps time, and calls the reader. */
class MembershipDriver<Ask, Answer> implements Membership {
  readonly #cluster: Cluster
  readonly #settings: GroupSettings
  readonly #exchange: Exchange<Ask, Answer>
  readonly #onChange: () => void
  readonly #unsubscribe: () => void
  readonly #waiting: (() => void)[] = []
  #farewell: Promise<void> = Promise.resolve()
  #timer: TimerHandle | undefined

  constructor(cluster: Cluster, settings: GroupSettings, exchange: Exchange<Ask, Answer>, onChange: () => void) {
    this.#cluster = cluster
    this.#settings = settings
    this.#exchange = exchange
    this.#onChange = onChange
    this.#unsubscribe = cluster.metadata.onUpdate(() => {
      if (exchange.haveTopicsChanged()) this.#dispatch({ type: 'topics-changed' })
    })
  }

  get state(): MembershipState {
    return this.#exchange.machine.state
  }

  get term(): number {
    return this.#exchange.machine.term
  }

  who(): GroupMetadata {
    const { group: groupId, instanceId: groupInstanceId } = this.#settings
    const { generation: generationId, memberId } = this.#exchange.machine
    return { groupId, generationId, memberId, groupInstanceId }
  }

  join(owned: Assignment): void {
    this.#dispatch({ type: 'join', owned: this.#exchange.unname(owned) })
  }

  async assignment(owned: Assignment): Promise<NamedAssignment> {
    const { state } = this.#exchange.machine
    if (state.name !== 'assigned') throw new Error(`nothing is assigned while ${state.name}`)
    return this.#exchange.name(state.assignment, owned)
  }

  held(owned: Assignment, rest: Rest): void {
    this.#dispatch({ type: 'held', owned: this.#exchange.unname(owned), rest })
  }

  subscribe(subscription: Subscription): void {
    this.#exchange.subscribe(subscription)
    this.#dispatch({ type: 'topics-changed' })
  }

  onCommitRefused(error: KafkaError): void {
    this.#dispatch({ type: 'commit-refused', error })
  }

  renewed(): Promise<void> {
    const { name } = this.state
    if (name !== 'member' && name !== 'assigned') return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }

  overdue(reason: string): void {
    this.#dispatch({ type: 'overdue', reason })
  }

  leave(reason: string): Promise<void> {
    this.#dispatch({ type: 'leave', reason })
    return this.#farewell
  }

  close(): void {
    this.#cluster.deps.timers.clearTimer(this.#timer)
    this.#unsubscribe()
    this.#exchange.close()
    this.#wakeWaiting()
  }

  #dispatch(event: MembershipEvent<Answer>): void {
    const nowMs = this.#cluster.deps.clock.monotonicMs()
    for (const effect of this.#exchange.machine.on(event, nowMs)) this.#perform(effect)
  }

  #perform(effect: MembershipEffect<Ask>): void {
    const { timers, clock, logger } = this.#cluster.deps
    switch (effect.type) {
      case 'ask':
        this.#ask(effect.number, effect.ask)
        return
      case 'bid-farewell':
        this.#farewell = this.#bidFarewell(effect.ask)
        return
      case 'wait':
        timers.clearTimer(this.#timer)
        this.#timer = undefined
        if (effect.untilMs === null) return
        this.#timer = timers.setTimer(
          () => {
            // Whoever reads nothing at the moment does not look how old it is.
            this.#cluster.metadata.refreshIfOld()
            this.#dispatch({ type: 'time' })
          },
          Math.max(0, effect.untilMs - clock.monotonicMs()),
        )
        return
      case 'put-out':
        logger.warn('the consumer is no longer a member of its group', {
          group: this.#settings.group,
          reason: effect.reason,
        })
        return
      case 'entered':
        this.#wakeWaiting()
        this.#onChange()
        return
    }
  }

  #ask(number: number, ask: Ask): void {
    this.#exchange.perform(ask).then(
      (answer) => {
        this.#dispatch({ type: 'answer', number, answer })
        this.#wakeWaiting()
      },
      (error: unknown) => {
        if (!(error instanceof KafkaError)) throw error
        this.#dispatch({ type: 'failure', number, error })
        this.#wakeWaiting()
      },
    )
  }

  /** Once more, if that may help: the coordinator may have moved. */
  async #bidFarewell(ask: Ask): Promise<void> {
    for (let tried = 1; ; tried++) {
      try {
        await this.#exchange.perform(ask)
        return
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error
        if (error.retriable && tried < FAREWELLS_MAX) continue
        const { group } = this.#settings
        this.#cluster.deps.logger.warn('the group could not be left', { group, error: error.message })
        return
      }
    }
  }

  #wakeWaiting(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
