/**
 * What the workers tell the runner, one JSON object a line. `t` and `t0` are ms of the machine's monotonic clock, which all
 * processes of one machine share, so that what two of them tell can be put in order.
 */

/** `[partition, offset]`; -1 where a group has no offset. */
export type Place = readonly [partition: number, offset: number]
/** `[sequence number, partition, offset]` of a record that the broker has acknowledged. */
export type Acked = readonly [seq: number, partition: number, offset: number]
/** `[partition, offset, value]`. */
export type Seen = readonly [partition: number, offset: number, value: string]

export interface AckEvent {
  readonly e: 'ack'
  readonly t: number
  readonly topic: string
  /** One producer from its begin to its end: sequence numbers count in it. */
  readonly session: string
  readonly records: readonly Acked[]
}

interface OfMember {
  readonly group: string
  readonly generation: number
}

export interface AssignEvent extends OfMember {
  readonly e: 'assign'
  readonly t: number
  /** What the member has been given, with the offset that it goes on from. */
  readonly places: readonly Place[]
}

export interface RevokeEvent {
  readonly e: 'revoke'
  readonly t: number
  readonly group: string
  readonly partitions: readonly number[]
}

export interface ReadEvent extends OfMember {
  readonly e: 'read'
  readonly t: number
  readonly partition: number
  /** Offset of the first of `values`; the others follow without a gap. */
  readonly from: number
  readonly values: readonly string[]
}

/** The broker has accepted a commit that was asked for at `t0`. */
export interface CommitEvent extends OfMember {
  readonly e: 'commit'
  readonly t0: number
  readonly t: number
  readonly offsets: readonly Place[]
}

export interface BeginEvent extends OfMember {
  readonly e: 'begin'
  readonly t: number
  readonly txn: string
  /** It is going to be aborted, whatever happens. */
  readonly abort: boolean
  /** `[partition, first offset]` of what it has read. */
  readonly reads: readonly Place[]
}

export interface EndEvent extends OfMember {
  readonly e: 'end'
  /** When its offsets were sent. */
  readonly t0: number
  readonly t: number
  readonly txn: string
  readonly outcome: 'committed' | 'aborted' | 'failed'
  readonly offsets: readonly Place[]
}

/** A read_committed reading of the ledger up to the last stable offsets, which were asked for at `t0`. */
export interface ViewEvent {
  readonly e: 'view'
  readonly t0: number
  readonly t: number
  /** By partition: the first offset that was read for, and the last stable offset. */
  readonly from: readonly number[]
  readonly ends: readonly number[]
  readonly records: readonly Seen[]
}

/** The committed offsets of a group as the broker tells them; asked for at `t0`. */
export interface OffsetsEvent {
  readonly e: 'offsets'
  readonly t0: number
  readonly t: number
  readonly group: string
  readonly offsets: readonly Place[]
}

/** Something that may happen while brokers and members die; it is counted. */
export interface TroubleEvent {
  readonly e: 'trouble'
  readonly t: number
  readonly what: string
  readonly code: string
}

export type WorkerEvent =
  | { readonly e: 'ready' }
  | AckEvent
  | AssignEvent
  | RevokeEvent
  | ReadEvent
  | CommitEvent
  | BeginEvent
  | EndEvent
  | ViewEvent
  | OffsetsEvent
  | TroubleEvent

/** Ms of the machine's monotonic clock. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000
}
