/**
 * The states of a transactional id (`TransactionState` in Apache Kafka), by their number in its record.
 *
 * ```
 *            first partition or offset          EndTxn: commit                   all markers written
 *  Empty ─────────────────────────▶ Ongoing ─────────────────▶ PrepareCommit ───────────────────────▶ CompleteCommit
 *    ▲                                 │                                                                   │
 *    │                                 └──abort, timeout, fenced──▶ PrepareAbort ──all markers──▶ CompleteAbort
 *    └─── InitProducerId from Complete*, or a new one from nothing; Complete* ──next partition──▶ Ongoing ◀┘
 * ```
 * PrepareCommit and PrepareAbort are the decision: once the record is committed the transaction ends that way, whatever happens.
 *
 * | event                 | none          | Empty               | Ongoing               | Prepare*    | Complete* |
 * |---|---|---|---|---|---|
 * | InitProducerId        | Empty         | Empty, epoch + 1    | PrepareAbort, epoch + 1; CONCURRENT_TRANSACTIONS | CONCURRENT_TRANSACTIONS | Empty, epoch + 1 |
 * | same, by the epoch before the last raise (KIP-360) | Empty | Empty, same epoch | PRODUCER_FENCED | CONCURRENT_TRANSACTIONS | Empty, same epoch |
 * | same, by any other    | Empty         | PRODUCER_FENCED     | PRODUCER_FENCED       | CONCURRENT_TRANSACTIONS, another id: PRODUCER_FENCED | PRODUCER_FENCED |
 * | add partitions        | INVALID_PRODUCER_ID_MAPPING | Ongoing | Ongoing             | CONCURRENT_TRANSACTIONS | Ongoing |
 * | end, transactions v1  | same          | INVALID_TXN_STATE   | Prepare*              | same result: CONCURRENT_TRANSACTIONS, other: INVALID_TXN_STATE | same result: NONE, other: INVALID_TXN_STATE |
 * | end, transactions v2  | same          | abort: PrepareAbort; commit: INVALID_TXN_STATE | Prepare*, epoch + 1 | repeat: CONCURRENT_TRANSACTIONS or INVALID_TXN_STATE | repeat: NONE or INVALID_TXN_STATE; new abort: PrepareAbort |
 * | markers written       | -             | -                   | -                     | Complete*   | - |
 * | timeout               | -             | -                   | PrepareAbort, epoch + 1 | -         | - |
 * | long unused           | -             | gone                | -                     | -           | gone |
 *
 * Kafka has two more in its list: `PrepareEpochFence` (7), which is never written, and which here is one step with the abort that
 * follows it; and `Dead` (6), a transactional id on its way out, which here is simply gone.
 */
export const TxnStatus = {
  Empty: 0,
  Ongoing: 1,
  PrepareCommit: 2,
  PrepareAbort: 3,
  CompleteCommit: 4,
  CompleteAbort: 5,
} as const
export type TxnStatus = (typeof TxnStatus)[keyof typeof TxnStatus]

const names = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
]

export function statusName(status: number): string {
  return names[status] ?? 'Unknown'
}

export function isStatusName(name: string): boolean {
  return names.includes(name)
}
