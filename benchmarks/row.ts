import type { RunningBroker } from '../tools/peers/running-broker.ts'
import type { Contender } from './contenders.ts'

/** What a row measures in one round, in the order in which they are reported. */
export type Samples = Record<string, number>

interface RowBase {
  /** What `--only` looks at. */
  id: string
}

/** A row that is measured on brokers that run through all rounds. */
export interface SharedRow extends RowBase {
  kind: 'shared'
  measure(broker: RunningBroker, context: RowContext): Promise<Samples>
}

/** A row that starts brokers of its own. */
export interface OwnRow extends RowBase {
  kind: 'own'
  /** Fewer rounds than the others, where one takes long. */
  atMostRounds?: number
  /** No further round begins when this share of the time for the whole run has passed. */
  untilShare: number
  measure(contender: Contender, context: RowContext): Promise<Samples>
}

export type Row = SharedRow | OwnRow

export interface RowContext {
  contender: Contender
  /** From 0. Round −1 warms up and is not reported. */
  round: number
  /** A new name for a topic. */
  topic(): string
  /** A new empty folder, removed after the round. */
  folder(): string
  /** A folder that stays for all rounds of this row and contender. */
  keptFolder: string
}
