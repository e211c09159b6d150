/** What the log remembers of one producer (`ProducerStateEntry` in Apache Kafka). Never changed, only replaced. */
export interface ProducerEntry {
  readonly producerId: number
  readonly epoch: number
  /** Of the last transaction marker; -1 without one. */
  readonly coordinatorEpoch: number
  /** Of the last batch or marker; -1 unknown. Decides expiry. */
  readonly lastTimestamp: number
  /** Where the open transaction begins, -1 when none is open. */
  readonly currentTxnFirstOffset: number
  /** The last batches of the current epoch, oldest first, at most `BATCHES_MAX`. Empty after a marker of a new epoch. */
  readonly batches: readonly ProducerBatch[]
}

export interface ProducerBatch {
  readonly lastSequence: number
  readonly lastOffset: number
  /** Last offset minus first offset; also last minus first sequence. */
  readonly offsetDelta: number
  readonly timestamp: number
}

/** What a producer may have in flight, hence how far back a repeat is recognised. */
export const BATCHES_MAX = 5
export const NO_SEQUENCE = -1
const SEQUENCE_MAX = 0x7fff_ffff

/** Sequences run from 0 to 2^31-1 and begin again at 0. */
export function incrementSequence(sequence: number, by: number): number {
  return sequence > SEQUENCE_MAX - by ? by - (SEQUENCE_MAX - sequence) - 1 : sequence + by
}

export function decrementSequence(sequence: number, by: number): number {
  return sequence < by ? SEQUENCE_MAX - (by - sequence) + 1 : sequence - by
}

export function inSequence(lastSequence: number, nextSequence: number): boolean {
  return nextSequence === lastSequence + 1 || (nextSequence === 0 && lastSequence === SEQUENCE_MAX)
}

export const firstSequenceOf = (batch: ProducerBatch): number =>
  decrementSequence(batch.lastSequence, batch.offsetDelta)

export const firstOffsetOf = (batch: ProducerBatch): number => batch.lastOffset - batch.offsetDelta

export function lastSequenceOf(entry: ProducerEntry): number {
  return entry.batches.length === 0 ? NO_SEQUENCE : entry.batches[entry.batches.length - 1].lastSequence
}

/** The earlier append which (epoch, first sequence, last sequence) repeats, or null. */
export function findDuplicate(
  entry: ProducerEntry,
  epoch: number,
  firstSequence: number,
  lastSequence: number,
): ProducerBatch | null {
  if (entry.epoch !== epoch) return null
  for (let i = entry.batches.length - 1; i >= 0; i--) {
    const batch = entry.batches[i]
    if (batch.lastSequence === lastSequence && firstSequenceOf(batch) === firstSequence) return batch
  }
  return null
}
