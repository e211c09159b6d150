import type { BeginEvent, EndEvent, ViewEvent } from '../events.ts'
import type { Findings } from './findings.ts'

/** What tellers write: `[transaction, request, account, amount, legs of it in this partition, legs in all, 1 if to be aborted]`. */
type Leg = readonly [
  txn: string,
  request: string,
  account: number,
  amount: number,
  here: number,
  all: number,
  abort: 0 | 1,
]

interface SeenTransaction {
  readonly all: number
  readonly byPartition: Map<number, { seen: number; readonly here: number }>
  readonly requests: Map<string, number>
  seen: number
  sum: number
}

/**
 * What `read_committed` readers may see of the ledger.
 *
 * A transaction's records get visible partition by partition, as in Kafka: its markers are written one after the other. Hence a
 * view up to the last stable offsets has, of each transaction, all records of a partition or none of them; those that it has
 * whole sum to zero; and what it lacks of the others lies behind its ends, where a later view must find it.
 */
export class LedgerCheck {
  readonly #findings: Findings
  /** By partition: offset to value, in order. */
  readonly #visible: Map<number, string>[]
  /** By partition: everything below it has been seen by one view or another. */
  readonly #ends: number[]
  readonly #endsOfReader = new Map<string, readonly number[]>()
  readonly #transactions = new Map<string, SeenTransaction>()
  readonly #regretted = new Set<string>()
  readonly #committed = new Set<string>()
  #partial = new Set<string>()
  views = 0
  wholeViews = 0
  viewsWithPartial = 0
  aborted = 0
  failed = 0

  constructor(partitions: number, findings: Findings) {
    this.#findings = findings
    this.#visible = Array.from({ length: partitions }, () => new Map())
    this.#ends = Array.from({ length: partitions }, () => 0)
  }

  get committed(): number {
    return this.#committed.size
  }

  onBegin({ txn, abort }: BeginEvent): void {
    if (abort) this.#regretted.add(txn)
  }

  onEnd({ txn, outcome }: EndEvent): void {
    if (outcome === 'aborted') this.aborted += 1
    else if (outcome === 'failed') this.failed += 1
    else this.#committed.add(txn)
  }

  onView(by: string, { from, ends, records }: ViewEvent): void {
    this.views += 1
    if (from.every((offset) => offset === 0)) this.wholeViews += 1
    const before = this.#endsOfReader.get(by)
    this.#endsOfReader.set(by, ends)
    const byPartition = this.#visible.map(() => new Map<number, string>())
    for (const [partition, offset, value] of records) {
      const there = byPartition[partition]
      if (there.has(offset)) this.#findings.add('duplicated', `ledger ${partition}@${offset}: twice in a view of ${by}`)
      there.set(offset, value)
    }
    ends.forEach((end, partition) => {
      if (before !== undefined && end < before[partition]) {
        const what = `${by}: the last stable offset of ledger-${partition} was ${before[partition]}, and then ${end}`
        this.#findings.add('lost', what)
      }
      this.#onPartition(by, partition, from[partition], end, byPartition[partition])
    })
    this.#balance(by)
  }

  #onPartition(by: string, partition: number, from: number, end: number, seen: ReadonlyMap<number, string>): void {
    const known = this.#visible[partition]
    const horizon = this.#ends[partition]
    for (const [offset, value] of known) {
      if (offset < from || offset >= end || seen.get(offset) === value) continue
      const what = `ledger ${partition}@${offset}: was ${value}, and for ${by} is ${seen.get(offset) ?? 'nothing'}`
      this.#findings.add('lost', what)
    }
    const added: SeenTransaction[] = []
    for (const [offset, value] of [...seen].sort(([a], [b]) => a - b)) {
      if (known.has(offset)) continue
      if (offset < from || offset >= end) this.#findings.add('unasked', `ledger ${partition}@${offset} for ${by}`)
      if (offset < horizon) {
        const what = `ledger ${partition}@${offset}: ${by} sees ${value} below ${horizon}, up to where others saw nothing there`
        this.#findings.add('torn', what)
      }
      known.set(offset, value)
      added.push(this.#add(partition, JSON.parse(value) as Leg, by))
    }
    this.#ends[partition] = Math.max(horizon, end)
    for (const transaction of new Set(added)) {
      const { seen: count, here } = transaction.byPartition.get(partition)!
      if (count !== here)
        this.#findings.add('torn', `ledger-${partition}: ${by} sees ${count} of ${here} records at ${end}`)
    }
  }

  #add(partition: number, [txn, request, , amount, here, all, abort]: Leg, by: string): SeenTransaction {
    if (abort === 1 || this.#regretted.has(txn)) this.#findings.add('aborted and read', `${txn}, by ${by}`)
    let transaction = this.#transactions.get(txn)
    if (transaction === undefined) {
      transaction = { all, byPartition: new Map(), requests: new Map(), seen: 0, sum: 0 }
      this.#transactions.set(txn, transaction)
      this.#partial.add(txn)
    }
    const part = transaction.byPartition.get(partition) ?? { seen: 0, here }
    part.seen += 1
    transaction.byPartition.set(partition, part)
    transaction.requests.set(request, (transaction.requests.get(request) ?? 0) + 1)
    transaction.seen += 1
    transaction.sum += amount
    return transaction
  }

  /** Transactions that are whole now sum to zero; the others still lack something. */
  #balance(by: string): void {
    const partial = new Set<string>()
    for (const txn of this.#partial) {
      const { seen, all, sum } = this.#transactions.get(txn)!
      if (seen < all) partial.add(txn)
      else if (sum !== 0 || seen > all)
        this.#findings.add('sum', `${txn}: ${seen} records of ${all} sum to ${sum}, by ${by}`)
    }
    this.#partial = partial
    if (partial.size > 0) this.viewsWithPartial += 1
  }

  get visibleRecords(): number {
    return this.#visible.reduce((sum, { size }) => sum + size, 0)
  }

  /** `requests` are the names of all in the log: each must have been done exactly once. */
  finish(requests: ReadonlySet<string>): void {
    for (const txn of this.#partial) {
      const { seen, all, sum } = this.#transactions.get(txn)!
      this.#findings.add('torn', `${txn}: ${seen} records of ${all} are visible at the end, and sum to ${sum}`)
    }
    for (const txn of this.#committed) {
      if (!this.#transactions.has(txn)) this.#findings.add('lost', `transaction ${txn} was committed, and is not there`)
    }
    const doneBy = new Map<string, string[]>()
    for (const [txn, { requests: done }] of this.#transactions) {
      for (const request of done.keys()) doneBy.set(request, [...(doneBy.get(request) ?? []), txn])
    }
    for (const [request, txns] of doneBy) {
      if (txns.length > 1) this.#findings.add('duplicated', `request ${request} was done by ${txns.join(' and ')}`)
      if (!requests.has(request)) this.#findings.add('lost', `request ${request} was done by ${txns}, and is not there`)
    }
    for (const request of requests) {
      if (!doneBy.has(request)) this.#findings.add('lost', `request ${request} was read by its group and is not done`)
    }
  }
}
