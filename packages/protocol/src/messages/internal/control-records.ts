import { array, int16, int32, int64, string, struct, uint16, uuid } from '../../codec/fields.ts'
import { data } from '../../codec/message.ts'

const voter = {
  voterId: int32(),
  voterDirectoryId: uuid({ v: '1+' }),
}

/**
 * Key of a control record behind its int16 version. Type 0: abort; 1: commit; 2: leader change; 3: snapshot header; 4:
 * snapshot footer; 5: KRaft version; 6: voters.
 */
export const ControlRecordTypeSchema = data({ name: 'ControlRecordTypeSchema', versions: '0' }, () => ({
  type: int16(),
}))

/** Value of the records that end a transaction. */
export const EndTxnMarker = data({ name: 'EndTxnMarker', versions: '0' }, () => ({
  coordinatorEpoch: int32(),
}))

/** First record of each KRaft leader's epoch. */
export const LeaderChangeMessage = data({ name: 'LeaderChangeMessage', versions: '0-1', flexible: '0+' }, () => ({
  version: int16(),
  leaderId: int32({ entity: 'brokerId' }),
  voters: array(voter),
  grantingVoters: array(voter),
}))

/** First record of a KRaft snapshot. */
export const SnapshotHeaderRecord = data({ name: 'SnapshotHeaderRecord', versions: '0', flexible: '0+' }, () => ({
  version: int16(),
  lastContainedLogTimestamp: int64(),
}))

/** Last record of a KRaft snapshot. */
export const SnapshotFooterRecord = data({ name: 'SnapshotFooterRecord', versions: '0', flexible: '0+' }, () => ({
  version: int16(),
}))

/** Level of the feature `kraft.version` from here on. */
export const KRaftVersionRecord = data({ name: 'KRaftVersionRecord', versions: '0', flexible: '0+' }, () => ({
  version: int16(),
  kRaftVersion: int16(),
}))

/** The voters of the quorum from here on (KIP-853). */
export const VotersRecord = data({ name: 'VotersRecord', versions: '0', flexible: '0+' }, () => ({
  version: int16(),
  voters: array({
    voterId: int32({ entity: 'brokerId' }),
    voterDirectoryId: uuid(),
    endpoints: array({
      name: string({ key: true }),
      host: string(),
      port: uint16(),
    }),
    kRaftVersionFeature: struct({
      minSupportedVersion: int16(),
      maxSupportedVersion: int16(),
    }),
  }),
}))
