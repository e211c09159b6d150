import type { RunningBroker } from '../tools/peers/running-broker.ts'
import type { Contender } from './contenders.ts'

/** What a row measures in one round, in the order in which they are reported; several of one metric as a list. */
export type Samples = Record<string, number | readonly number[]>

interface RowBase {
  /** What `--only` looks at. */
  id: string
  /** Fewer rounds than the others, where one takes long, or is many measurements in itself. */
  atMostRounds?: number
}

/** A row that is measured on brokers that run through all rounds. */
export interface SharedRow extends RowBase {
  kind: 'shared'
  /** Measured once before the others begin, too, because it is another part of the broker that has to warm up. */
  warmUp?: boolean
  measure(broker: RunningBroker, context: RowContext): Promise<Samples>
}

/** A row that starts brokers of its own. */
export interface OwnRow extends RowBase {
  kind: 'own'
  /** No further round begins when this share of the time for the whole run has passed. */
  untilShare: number
  measure(contender: Contender, context: RowContext): Promise<Samples>
}

export type Row = SharedRow | OwnRow

export interface RowContext {
  contender: Contender
  /** From 0. Round −1 warms up and is not reported. */
  round: number
  /** Only to see that the row works and that its results are right: as little of it as shows that. */
  short: boolean
  /** A new name for a topic. */
  topic(): string
  /** A new empty folder, removed after the round. */
  folder(): string
  /** A folder that stays for all rounds of this row and contender. */
  keptFolder: string
}
