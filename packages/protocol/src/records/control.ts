import { type BatchOptions, RecordBatchBuilder } from './builder.ts'
import { RecordsError } from './errors.ts'

/** Types of control records (`ControlRecordType` in Apache Kafka), the second int16 of their key. */
export const ControlType = {
  ABORT: 0,
  COMMIT: 1,
  LEADER_CHANGE: 2,
  SNAPSHOT_HEADER: 3,
  SNAPSHOT_FOOTER: 4,
  KRAFT_VERSION: 5,
  KRAFT_VOTERS: 6,
} as const
export type ControlType = (typeof ControlType)[keyof typeof ControlType]

const KEY_VERSION = 0
const KEY_BYTES = 4
const MARKER_VERSION = 0
const MARKER_BYTES = 6

export interface TransactionMarker {
  readonly producerId: number
  readonly producerEpoch: number
  readonly commit: boolean
  /** Of the transaction coordinator that decided; a later coordinator's marker is not undone by an earlier one's. */
  readonly coordinatorEpoch: number
  /** ms since the epoch. */
  readonly timestamp: number
  readonly baseOffset?: number
  readonly partitionLeaderEpoch?: number
}

/** The batch that ends a transaction in one partition (`EndTransactionMarker`). */
export function transactionMarkerBatch(marker: TransactionMarker): Buffer {
  const value = Buffer.allocUnsafe(MARKER_BYTES)
  value.writeInt16BE(MARKER_VERSION, 0)
  value.writeInt32BE(marker.coordinatorEpoch, 2)
  return controlBatch(marker.commit ? ControlType.COMMIT : ControlType.ABORT, value, marker.timestamp, {
    baseOffset: marker.baseOffset,
    partitionLeaderEpoch: marker.partitionLeaderEpoch,
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    transactional: true,
  })
}

export interface LeaderChange {
  readonly leaderId: number
  readonly voterIds: readonly number[]
  readonly grantingVoterIds: readonly number[]
  /** ms since the epoch. */
  readonly timestamp: number
  readonly baseOffset?: number
  readonly partitionLeaderEpoch?: number
}

/** The batch a new leader of a KRaft log begins with (`LeaderChangeMessage` version 0). */
export function leaderChangeBatch(change: LeaderChange): Buffer {
  const voters = [...change.voterIds]
  const granting = [...change.grantingVoterIds]
  const value = Buffer.alloc(2 + 4 + arrayBytes(voters) + arrayBytes(granting) + 1)
  let at = value.writeInt16BE(0, 0)
  at = value.writeInt32BE(change.leaderId, at)
  at = writeVoters(value, at, voters)
  writeVoters(value, at, granting)
  return controlBatch(ControlType.LEADER_CHANGE, value, change.timestamp, {
    baseOffset: change.baseOffset,
    partitionLeaderEpoch: change.partitionLeaderEpoch,
  })
}

/** An int32 and an empty tag section each, behind a compact length of one byte. */
const VOTER_BYTES = 5
const VOTERS_MAX = 126
const arrayBytes = (voters: number[]): number => 1 + VOTER_BYTES * voters.length

function writeVoters(value: Buffer, at: number, voters: number[]): number {
  if (voters.length > VOTERS_MAX) throw new RecordsError('VALUE', `${voters.length} voters`)
  value[at++] = voters.length + 1
  for (const id of voters) at = value.writeInt32BE(id, at) + 1
  return at
}

function controlBatch(type: ControlType, value: Buffer, timestamp: number, options: BatchOptions): Buffer {
  const key = Buffer.allocUnsafe(KEY_BYTES)
  key.writeInt16BE(KEY_VERSION, 0)
  key.writeInt16BE(type, 2)
  const builder = new RecordBatchBuilder(128)
  builder.append(key, value, null, timestamp)
  return builder.build({ ...options, control: true })
}

/**
 * The type of a control record by its key; −1 for one this version does not know, which Kafka's clients skip. Throws
 * `RECORD` for a key too short to hold one.
 */
export function controlTypeOf(key: Uint8Array | null): ControlType | -1 {
  if (key === null || key.length < KEY_BYTES) throw new RecordsError('RECORD', 'a control record without a type')
  const type = (key[2] << 8) | key[3]
  return type <= ControlType.KRAFT_VOTERS ? (type as ControlType) : -1
}

/** The coordinator epoch in the value of a transaction marker. Throws `RECORD` for a value too short to hold it. */
export function coordinatorEpochOf(value: Buffer | null): number {
  if (value === null || value.length < MARKER_BYTES)
    throw new RecordsError('RECORD', 'a transaction marker without an epoch')
  return value.readInt32BE(2)
}
