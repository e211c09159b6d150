import type { Commit, CommittedOffset } from './committed.ts'
import type { Checks } from './invariants.ts'

/**
 * How far a transaction has come, as its client knows it. `undecided`: its end was asked for and not answered; what is
 * visible decides. Aborted is also what was never asked to commit, once a new epoch was given.
 */
export type Outcome = 'open' | 'undecided' | 'committed' | 'aborted'

export interface Transaction {
  readonly id: number
  readonly client: number
  outcome: Outcome
  /** Batches that were acked: partition and number of records. */
  readonly written: Map<number, number>
  /** Records that may have been written, by partition. */
  readonly asked: Map<number, number>
  /** Records seen by readers, by partition, of the one that has seen the most. */
  readonly seen: Map<number, number>
  /** The epoch that wrote it was fenced when it wrote. */
  readonly zombie: boolean
  /** What it commits for a group. */
  offset: { readonly of: CommittedOffset; readonly value: number; commit: Commit | null } | null
}

/** A record as a reader gets it. */
export interface SeenRecord {
  readonly transaction: number
  /** Number of the record in its transaction and partition. */
  readonly index: number
}

/** All transactions of a run, and what readers saw of them. */
export class TransactionLedger {
  readonly all: Transaction[] = []
  private readonly checks: Checks
  /** Partition and offset: what was read there. */
  private readonly atOffset = new Map<string, string>()

  constructor(checks: Checks) {
    this.checks = checks
  }

  begin(client: number, zombie: boolean): Transaction {
    const transaction: Transaction = {
      id: this.all.length,
      client,
      outcome: 'open',
      written: new Map(),
      asked: new Map(),
      seen: new Map(),
      zombie,
      offset: null,
    }
    this.all.push(transaction)
    return transaction
  }

  /** The client is about to ask for the commit: from here on it may be visible. */
  committing(transaction: Transaction): void {
    if (transaction.outcome !== 'open') return
    transaction.outcome = 'undecided'
    const { offset } = transaction
    if (offset !== null) offset.commit = offset.of.begin(offset.value, transaction.id)
  }

  committed(transaction: Transaction): void {
    const { checks } = this
    checks.met('T1')
    if (transaction.outcome === 'aborted')
      checks.fail('T6', `${describe(transaction)} was never asked to commit`, 'it is committed')
    transaction.outcome = 'committed'
    if (transaction.offset?.commit != null) transaction.offset.of.promised(transaction.offset.commit)
  }

  /** Its markers are written: the coordinator lets the client go on. */
  completed(transaction: Transaction): void {
    this.checks.met('T9')
    if (transaction.offset?.commit != null) transaction.offset.of.acked(transaction.offset.commit)
  }

  aborted(transaction: Transaction): void {
    if (transaction.outcome === 'committed')
      this.checks.fail('T1', `${describe(transaction)} is committed`, 'it is said to be aborted')
    transaction.outcome = 'aborted'
    const { offset } = transaction
    if (offset?.commit != null) offset.of.refused(offset.commit)
  }

  /** A reader of committed records gets one. */
  read(reader: string, partition: number, offset: number, record: SeenRecord): void {
    const { checks } = this
    const transaction = this.all[record.transaction]
    checks.met('T2')
    const what = `record ${record.index} of transaction ${record.transaction} at x0-${partition}@${offset}`
    if (transaction === undefined) checks.fail('T2', 'readers get what was written', `${reader} gets ${what}`)
    if (transaction.outcome === 'open' || transaction.outcome === 'aborted')
      checks.fail(
        transaction.zombie ? 'T6' : 'T2',
        `${describe(transaction)} is ${transaction.outcome}`,
        `${reader} gets ${what}`,
      )
    if (record.index >= (transaction.asked.get(partition) ?? 0))
      checks.fail(
        'T2',
        `${describe(transaction)} has ${transaction.asked.get(partition) ?? 0} records there`,
        `${reader} gets ${what}`,
      )
    const place = `${partition}@${offset}`
    const identity = `${record.transaction}/${record.index}`
    const before = this.atOffset.get(place)
    if (before !== undefined && before !== identity)
      checks.fail('T1', `x0-${place} holds ${before}`, `${reader} gets ${identity} there`)
    this.atOffset.set(place, identity)
    if (transaction.outcome === 'undecided') this.committed(transaction)
    const seen = transaction.seen.get(partition) ?? 0
    if (record.index > seen)
      checks.fail(
        'T1',
        `records of one batch after the other: ${seen} of ${describe(transaction)} were read`,
        `${reader} gets ${what}`,
      )
    transaction.seen.set(partition, Math.max(seen, record.index + 1))
  }

  /** T1: everything readable was read. */
  checkAtomic(): void {
    for (const transaction of this.all) {
      this.checks.met('T1')
      if (transaction.outcome !== 'committed') continue
      for (const [partition, count] of transaction.written)
        if ((transaction.seen.get(partition) ?? 0) < count)
          this.checks.fail(
            'T1',
            `${describe(transaction)} is committed with ${count} records in x0-${partition}`,
            `readers have ${transaction.seen.get(partition) ?? 0} of them`,
          )
    }
  }
}

export function describe(transaction: Transaction): string {
  return `transaction ${transaction.id} of c${transaction.client}`
}
