import type { Assignment } from '../assignors/assignor.ts'
import type { Subscription } from '../subscription.ts'
import type { MembershipMachine, Partitions } from './events.ts'

/** An assignment by the names of its topics. */
export interface NamedAssignment {
  readonly assignment: Assignment
  /** Some of it is of topics whose names are not known yet, or that have to be given up before they can be taken. */
  readonly isIncomplete: boolean
}

/** How a membership talks with its coordinator: what one protocol of groups has of its own beside its rules. */
export interface Exchange<Ask, Answer> {
  readonly machine: MembershipMachine<Ask, Answer>
  /** Rejects with `KafkaError`. */
  perform(ask: Ask): Promise<Answer>
  /** Names what the machine was assigned. */
  name(assignment: Partitions, owned: Assignment): Promise<NamedAssignment>
  /** As the machine has it. */
  unname(owned: Assignment): Partitions
  subscribe(subscription: Subscription): void
  /** After each change of the metadata: whether the group has to hear of it. */
  haveTopicsChanged(): boolean
  close(): void
}
