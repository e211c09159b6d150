import { ErrorCode } from '@ottla/protocol'
import { INIT_PRODUCER_ID_MAX, initProducerIdApi } from '../apis.ts'
import { askLeaders, Refusal, type TopicPartition } from '../cluster/by-leader.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { BrokerError, type KafkaError } from '../errors.ts'
import { describeProducersApi, describeTransactionsApi, listTransactionsApi, writeTxnMarkersApi } from './apis.ts'
import { askCoordinators } from './by-coordinator.ts'
import { byPartition } from './groups.ts'
import { byName, type ItemResult, leftOut, resultError, tooOld } from './results.ts'
import { type BrokerFailure, onEachBroker } from './routing.ts'

export const transactionStates = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'PrepareEpochFence',
  'Dead',
] as const
/** As the broker calls it. */
export type TransactionState = (typeof transactionStates)[number] | (string & {})

export interface TransactionFilter {
  /** Default: any state. */
  readonly states?: readonly TransactionState[]
  /** Default: any producer. */
  readonly producerIds?: readonly number[]
  /** Only transactions open for longer than this, in ms (since Apache Kafka 3.8). */
  readonly olderThanMs?: number
  /** A regular expression (RE2) that the whole transactional id matches (since Apache Kafka 4.1). */
  readonly pattern?: string
}

export interface TransactionListing {
  readonly transactionalId: string
  readonly producerId: number
  readonly state: TransactionState
  readonly coordinatorId: number
}

export interface TransactionDescription extends ItemResult {
  /** Null with an error. */
  readonly transaction: TransactionInfo | null
}

export interface TransactionInfo extends TransactionListing {
  readonly producerEpoch: number
  /** Its coordinator aborts a transaction that is open for longer, in ms. */
  readonly timeoutMs: number
  /** Ms since the epoch; null when no transaction is open. */
  readonly startTimeMs: number | null
  /** What the transaction has written to so far, sorted. */
  readonly partitions: readonly TopicPartition[]
}

export interface PartitionProducers extends TopicPartition {
  /** Empty with an error. */
  readonly producers: readonly ProducerState[]
  readonly error: KafkaError | null
}

export interface ProducerState {
  readonly producerId: number
  readonly producerEpoch: number
  /** Of its last batch; -1 for none. */
  readonly lastSequence: number
  /** Of its last record, in ms since the epoch; -1 for none. */
  readonly lastTimestamp: number
  /** Of the last end of a transaction; null when it has ended none here. */
  readonly coordinatorEpoch: number | null
  /** Where its open transaction begins; null without one. */
  readonly txnStartOffset: number | null
}

/** A transaction in one partition. */
export interface OpenTransaction extends TopicPartition {
  readonly producerId: number
  readonly producerEpoch: number
  /** Default 0, for a producer that has ended no transaction there. */
  readonly coordinatorEpoch?: number | null
}

export interface FencedProducer extends ItemResult {
  /** The id and epoch that a producer with this transactional id has from now on; -1 with an error. */
  readonly producerId: number
  readonly producerEpoch: number
}

/** From these versions on a broker knows the filters. */
const LIST_DURATION = 1
const LIST_PATTERN = 2

export async function listTransactions(
  cluster: Cluster,
  { states = [], producerIds = [], olderThanMs, pattern }: TransactionFilter,
): Promise<{ transactions: TransactionListing[]; failures: BrokerFailure[] }> {
  const { items, failures } = await onEachBroker(cluster, async (connection, brokerId) => {
    const version = connection.versions.pick(listTransactionsApi)
    const unknown =
      olderThanMs !== undefined && version < LIST_DURATION
        ? 'duration'
        : pattern !== undefined && version < LIST_PATTERN
          ? 'pattern'
          : null
    if (unknown !== null) {
      throw tooOld(`filter on the ${unknown} at broker ${brokerId}`)
    }
    const response = await connection.call(
      listTransactionsApi,
      {
        stateFilters: states,
        producerIdFilters: producerIds,
        ...(olderThanMs === undefined ? {} : { durationFilter: olderThanMs }),
        ...(pattern === undefined ? {} : { transactionalIdPattern: pattern }),
      },
      { version },
    )
    if (response.errorCode !== 0) throw new BrokerError(response.errorCode, `transactions of broker ${brokerId}`)
    return response.transactionStates.map((t) => ({
      transactionalId: t.transactionalId,
      producerId: t.producerId,
      state: t.transactionState,
      coordinatorId: brokerId,
    }))
  })
  return { transactions: items.sort(byName((t) => t.transactionalId)), failures }
}

export async function describeTransactions(
  cluster: Cluster,
  transactionalIds: readonly string[],
): Promise<TransactionDescription[]> {
  const settled = await askCoordinators<TransactionInfo>(
    cluster,
    'transaction',
    transactionalIds,
    async (connection, ids, coordinatorId) => {
      const response = await connection.call(describeTransactionsApi, { transactionalIds: ids })
      return ids.map((transactionalId) => {
        const state = response.transactionStates.find((t) => t.transactionalId === transactionalId)
        const what = `transactional id ${transactionalId}`
        if (state === undefined) return leftOut(what)
        if (state.errorCode === ErrorCode.TRANSACTIONAL_ID_NOT_FOUND) {
          return new BrokerError(state.errorCode, what, `${what} is not known to its coordinator`)
        }
        if (state.errorCode !== 0) return new BrokerError(state.errorCode, what)
        return {
          transactionalId,
          coordinatorId,
          state: state.transactionState,
          producerId: state.producerId,
          producerEpoch: state.producerEpoch,
          timeoutMs: state.transactionTimeoutMs,
          startTimeMs: state.transactionStartTimeMs < 0 ? null : state.transactionStartTimeMs,
          partitions: state.topics
            .flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })))
            .sort(byPartition),
        }
      })
    },
  )
  return transactionalIds.map((name, i) => ({ name, error: settled[i].error, transaction: settled[i].value }))
}

export async function describeProducers(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
): Promise<PartitionProducers[]> {
  const settled = await askLeaders(cluster, partitions, async (connection, items) => {
    const response = await connection.call(describeProducersApi, {
      topics: [...Map.groupBy(items, (i) => i.topic)].map(([name, some]) => ({
        name,
        partitionIndexes: some.map((i) => i.partition),
      })),
    })
    return items.map(({ topic, partition }) => {
      const answers = response.topics.find((t) => t.name === topic)?.partitions
      const answer = answers?.find((p) => p.partitionIndex === partition)
      if (answer === undefined) return new Refusal(ErrorCode.UNKNOWN_SERVER_ERROR)
      if (answer.errorCode !== 0) return new Refusal(answer.errorCode)
      return answer.activeProducers
        .map(
          (p): ProducerState => ({
            producerId: p.producerId,
            producerEpoch: p.producerEpoch,
            lastSequence: p.lastSequence,
            lastTimestamp: p.lastTimestamp,
            coordinatorEpoch: p.coordinatorEpoch < 0 ? null : p.coordinatorEpoch,
            txnStartOffset: p.currentTxnStartOffset < 0 ? null : p.currentTxnStartOffset,
          }),
        )
        .sort((a, b) => a.producerId - b.producerId)
    })
  })
  return partitions.map(({ topic, partition }, i) => ({
    topic,
    partition,
    producers: settled[i].value ?? [],
    error: settled[i].error,
  }))
}

export async function abortTransaction(
  cluster: Cluster,
  { topic, partition, producerId, producerEpoch, coordinatorEpoch }: OpenTransaction,
): Promise<void> {
  const [{ error }] = await askLeaders(cluster, [{ topic, partition }], async (connection) => {
    const response = await connection.call(writeTxnMarkersApi, {
      markers: [
        {
          producerId,
          producerEpoch,
          transactionResult: false,
          topics: [{ name: topic, partitionIndexes: [partition] }],
          coordinatorEpoch: coordinatorEpoch ?? 0,
        },
      ],
    })
    const topics = response.markers.find((m) => m.producerId === producerId)?.topics
    const answers = topics?.find((t) => t.name === topic)?.partitions
    const answer = answers?.find((p) => p.partitionIndex === partition)
    if (answer === undefined) return [new Refusal(ErrorCode.UNKNOWN_SERVER_ERROR)]
    return [answer.errorCode === 0 ? true : new Refusal(answer.errorCode)]
  })
  if (error !== null) throw error
}

export async function fenceProducers(cluster: Cluster, transactionalIds: readonly string[]): Promise<FencedProducer[]> {
  const settled = await askCoordinators(cluster, 'transaction', transactionalIds, (connection, ids) => {
    const version = connection.versions.pick(initProducerIdApi, INIT_PRODUCER_ID_MAX)
    return Promise.all(
      ids.map(async (transactionalId) => {
        // The timeout is that of transactions which nobody begins.
        const asked = { transactionalId, transactionTimeoutMs: cluster.settings.requestTimeoutMs }
        const response = await connection.call(initProducerIdApi, asked, { version })
        return resultError(`transactional id ${transactionalId}`, response) ?? response
      }),
    )
  })
  return transactionalIds.map((name, i) => ({
    name,
    error: settled[i].error,
    producerId: settled[i].value?.producerId ?? -1,
    producerEpoch: settled[i].value?.producerEpoch ?? -1,
  }))
}
