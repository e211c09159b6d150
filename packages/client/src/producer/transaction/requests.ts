import type { Connection } from '@ottla/net'
import { ErrorCode } from '@ottla/protocol'
import {
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  apiVersionsApi,
  endTxnApi,
  INIT_PRODUCER_ID_MAX,
  initProducerIdApi,
  txnOffsetCommitApi,
} from '../../apis.ts'
import type { TopicPartition } from '../../cluster/by-leader.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { findCoordinator } from '../../cluster/coordinators.ts'
import { BrokerError } from '../../errors.ts'
import type { TransactionSettings } from '../options.ts'
import type { Answer, Ask, PartitionFailure, TransactionLevel } from './events.ts'

/** From here on InitProducerId takes an identity whose epoch is to be raised (KIP-360). */
const RAISING_VERSION = 3
/** Later versions of AddPartitionsToTxn are for brokers. */
const ADD_PARTITIONS_LATEST = 3
/** The first versions that go with transactions that have an epoch each (KIP-890). */
const END_TXN_IMPLICIT = 5
const OFFSET_COMMIT_IMPLICIT = 5
/** As connections say it of themselves. */
const SOFTWARE_NAME = 'ottla'
const SOFTWARE_VERSION = '0.1.0'
/** From here on TxnOffsetCommit says for which member (KIP-447). */
const OFFSET_COMMIT_MEMBER = 3

/**
 * Sends one request to its coordinator. Rejects with a `KafkaError` when there is no answer; an error code in an answer
 * is part of it.
 */
export async function perform(
  cluster: Cluster,
  settings: TransactionSettings,
  ask: Ask,
  coordinatorId: number,
  level: TransactionLevel,
): Promise<Answer> {
  if (ask.api === 'FindCoordinator') {
    return { api: 'FindCoordinator', nodeId: await findCoordinator(cluster, ask.kind, ask.key) }
  }
  const connection = await cluster.pool.get(coordinatorId, 'transaction')
  switch (ask.api) {
    case 'InitProducerId':
      return initProducerId(connection, settings, ask)
    case 'AddPartitionsToTxn':
      return addPartitions(connection, settings, ask)
    case 'AddOffsetsToTxn': {
      const { errorCode } = await connection.call(addOffsetsToTxnApi, {
        transactionalId: settings.transactionalId,
        producerId: ask.identity.id,
        producerEpoch: ask.identity.epoch,
        groupId: ask.groupId,
      })
      return { api: 'AddOffsetsToTxn', errorCode }
    }
    case 'TxnOffsetCommit':
      return commitOffsets(connection, settings, ask, level)
    case 'EndTxn':
      return endTransaction(connection, settings, ask, level)
  }
}

async function initProducerId(
  connection: Connection,
  settings: TransactionSettings,
  { identity }: Ask & { api: 'InitProducerId' },
): Promise<Answer> {
  const { versions } = connection
  const version = versions.pick(initProducerIdApi, INIT_PRODUCER_ID_MAX)
  const level = await currentLevel(connection)
  const { transactionalId, transactionTimeoutMs } = settings
  const current = identity === null ? {} : { producerId: identity.id, producerEpoch: identity.epoch }
  const response = await connection.call(
    initProducerIdApi,
    { transactionalId, transactionTimeoutMs, ...current },
    { version },
  )
  return {
    api: 'InitProducerId',
    errorCode: response.errorCode,
    identity: { id: response.producerId, epoch: response.producerEpoch },
    level,
    canRaise: version >= RAISING_VERSION,
  }
}

/**
 * Asks anew: an operator may have changed the level since the connection was made, and a coordinator whose level was
 * lowered cannot run transactions of the higher one.
 */
async function currentLevel(connection: Connection): Promise<TransactionLevel> {
  const { versions } = connection
  if (versions.highest(endTxnApi) < END_TXN_IMPLICIT) return 1
  const version = versions.highest(apiVersionsApi)
  const response = await connection.call(
    apiVersionsApi,
    { clientSoftwareName: SOFTWARE_NAME, clientSoftwareVersion: SOFTWARE_VERSION },
    { version },
  )
  if (response.finalizedFeaturesEpoch < 0) return 1
  const feature = response.finalizedFeatures.find(({ name }) => name === 'transaction.version')
  return feature !== undefined && feature.maxVersionLevel >= 2 ? 2 : 1
}

async function addPartitions(
  connection: Connection,
  { transactionalId }: TransactionSettings,
  { identity, partitions }: Ask & { api: 'AddPartitionsToTxn' },
): Promise<Answer> {
  const version = connection.versions.pick(addPartitionsToTxnApi, ADD_PARTITIONS_LATEST)
  const response = await connection.call(
    addPartitionsToTxnApi,
    {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: identity.id,
      v3AndBelowProducerEpoch: identity.epoch,
      v3AndBelowTopics: [...Map.groupBy(partitions, (p) => p.topic)].map(([name, some]) => ({
        name,
        partitions: some.map((p) => p.partition),
      })),
    },
    { version },
  )
  const results = response.resultsByTopicV3AndBelow.flatMap((topic) =>
    topic.resultsByPartition.map((p) => ({
      topic: topic.name,
      partition: p.partitionIndex,
      errorCode: p.partitionErrorCode,
    })),
  )
  return { api: 'AddPartitionsToTxn', failures: failuresOf(partitions, results) }
}

async function commitOffsets(
  connection: Connection,
  { transactionalId }: TransactionSettings,
  { identity, group, offsets }: Ask & { api: 'TxnOffsetCommit' },
  level: TransactionLevel,
): Promise<Answer> {
  const version = versionOf(connection, txnOffsetCommitApi, level, OFFSET_COMMIT_IMPLICIT)
  const withMember = group.memberId !== '' || group.generationId >= 0 || group.groupInstanceId !== null
  if (version < OFFSET_COMMIT_MEMBER && withMember) {
    const detail = 'the broker is too old to check the group member for which offsets are committed (KIP-447)'
    throw new BrokerError(ErrorCode.UNSUPPORTED_VERSION, `TxnOffsetCommit of group ${group.groupId}`, detail)
  }
  const response = await connection.call(
    txnOffsetCommitApi,
    {
      transactionalId,
      groupId: group.groupId,
      producerId: identity.id,
      producerEpoch: identity.epoch,
      generationIdOrMemberEpoch: group.generationId,
      memberId: group.memberId,
      groupInstanceId: group.groupInstanceId,
      topics: [...Map.groupBy(offsets, (o) => o.topic)].map(([name, some]) => ({
        name,
        partitions: some.map((o) => ({
          partitionIndex: o.partition,
          committedOffset: o.offset,
          committedLeaderEpoch: o.leaderEpoch ?? -1,
          committedMetadata: o.metadata ?? '',
        })),
      })),
    },
    { version },
  )
  const results = response.topics.flatMap((topic) =>
    topic.partitions.map((p) => ({ topic: topic.name, partition: p.partitionIndex, errorCode: p.errorCode })),
  )
  return { api: 'TxnOffsetCommit', failures: failuresOf(offsets, results) }
}

async function endTransaction(
  connection: Connection,
  { transactionalId }: TransactionSettings,
  { identity, committed }: Ask & { api: 'EndTxn' },
  level: TransactionLevel,
): Promise<Answer> {
  const version = versionOf(connection, endTxnApi, level, END_TXN_IMPLICIT)
  const response = await connection.call(
    endTxnApi,
    { transactionalId, producerId: identity.id, producerEpoch: identity.epoch, committed },
    { version },
  )
  const next = response.producerId < 0 ? null : { id: response.producerId, epoch: response.producerEpoch }
  return { api: 'EndTxn', errorCode: response.errorCode, identity: next }
}

/** Two ways to run a transaction must not be mixed: the version says which. */
function versionOf(
  connection: Connection,
  api: typeof endTxnApi | typeof txnOffsetCommitApi,
  level: TransactionLevel,
  implicit: number,
): number {
  if (level === 1) return connection.versions.pick(api, implicit - 1)
  const version = connection.versions.pick(api, implicit)
  if (version === implicit) return version
  const detail = `the broker at ${connection.peer} is too old for transactions as the coordinator runs them (KIP-890)`
  throw new BrokerError(ErrorCode.UNSUPPORTED_VERSION, api.name, detail)
}

/** What was asked for and is left out of the response has failed. */
function failuresOf(asked: readonly TopicPartition[], results: readonly PartitionFailure[]): PartitionFailure[] {
  const failures: PartitionFailure[] = []
  for (const { topic, partition } of asked) {
    const result = results.find((r) => r.topic === topic && r.partition === partition)
    const errorCode = result?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR
    if (errorCode !== 0) failures.push({ topic, partition, errorCode })
  }
  return failures
}
