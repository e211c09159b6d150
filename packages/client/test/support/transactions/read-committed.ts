import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { api, Connection } from '@ottla/net'
import {
  DescribeProducersRequest,
  DescribeProducersResponse,
  FetchRequest,
  FetchResponse,
  FindCoordinatorRequest,
  FindCoordinatorResponse,
  ListTransactionsRequest,
  ListTransactionsResponse,
  OffsetFetchRequest,
  OffsetFetchResponse,
} from '@ottla/protocol'
import { ControlType, controlTypeOf, readBatches } from '@ottla/protocol/records'
import { nodeRuntime } from '@ottla/runtime/node'

const fetchApi = api(FetchRequest, FetchResponse)
const offsetFetchApi = api(OffsetFetchRequest, OffsetFetchResponse)
const findCoordinatorApi = api(FindCoordinatorRequest, FindCoordinatorResponse)
const describeProducersApi = api(DescribeProducersRequest, DescribeProducersResponse)
const listTransactionsApi = api(ListTransactionsRequest, ListTransactionsResponse)
/** The last that names topics. */
const FETCH_VERSION = 12
const READ_COMMITTED = 1
const OFFSET_FETCH_VERSION = 7

/**
 * A commit is acknowledged before its markers are written, and a broker looks for old transactions now and then. Apache Kafka gives
 * up a request to write markers that has no answer after its `request.timeout.ms`, 30 s, and sends it again. Less than a
 * transaction's own timeout of 60 s, after which one that was left open by mistake would be closed all the same.
 */
const STABLE_WITHIN_MS = 45_000

/** Asks a cluster of one broker, past the client that is tested. */
export class Witness {
  private readonly host: string
  private readonly port: number
  private last: Connection | null = null

  /** `bootstrap`: where the broker listens, `host:port`. */
  constructor(bootstrap: string) {
    const [host, port] = bootstrap.split(':')
    this.host = host
    this.port = Number(port)
  }

  /** The broker may have been started again since. */
  async connection(): Promise<Connection> {
    if (this.last === null || this.last.closed) {
      const { host, port } = this
      this.last = await Connection.open({ host, port, clientId: 'witness' }, nodeRuntime())
    }
    return this.last
  }

  /** The values of a partition without those of aborted transactions, once no transaction is open in it. */
  async values(topic: string, partition: number): Promise<string[]> {
    const values: string[] = []
    const untilMs = Date.now() + STABLE_WITHIN_MS
    for (let offset = 0; ; ) {
      const response = await (await this.connection()).call(
        fetchApi,
        {
          maxWaitMs: 0,
          minBytes: 0,
          maxBytes: 50_000_000,
          isolationLevel: READ_COMMITTED,
          topics: [{ topic, partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: 50_000_000 }] }],
        },
        { version: FETCH_VERSION },
      )
      const [part] = response.responses[0].partitions
      assert.equal(part.errorCode, 0)
      const aborted = [...(part.abortedTransactions ?? [])].sort((a, b) => a.firstOffset - b.firstOffset)
      const aborting = new Set<number>()
      const before = offset
      for (const batch of part.records === null ? [] : readBatches(part.records as Buffer)) {
        if (batch.lastOffset < offset) continue
        while (aborted.length > 0 && aborted[0].firstOffset <= batch.lastOffset)
          aborting.add(aborted.shift()!.producerId)
        offset = batch.lastOffset + 1
        if (batch.isControl) {
          const [marker] = batch.records()
          if (controlTypeOf(marker.key) === ControlType.ABORT) aborting.delete(batch.producerId)
        } else if (!batch.isTransactional || !aborting.has(batch.producerId)) {
          for (const record of batch.records()) values.push(String(record.value))
        }
      }
      if (offset > before) continue
      if (offset >= part.highWatermark) return values
      if (Date.now() >= untilMs) {
        const open = await this.openTransaction(topic, partition)
        assert.fail(`${topic}-${partition} has an open transaction at ${part.lastStableOffset}: ${open}`)
      }
      await wait(10)
    }
  }

  /** What the leader and the coordinator say of the transaction that is open in a partition. */
  private async openTransaction(topic: string, partition: number): Promise<string> {
    const connection = await this.connection()
    const asked = { topics: [{ name: topic, partitionIndexes: [partition] }] }
    const producers = await connection.call(describeProducersApi, asked, { version: 0 })
    const transactions = await connection.call(listTransactionsApi, {}, { version: 0 })
    const stated = [producers.topics[0].partitions[0].activeProducers, transactions.transactionStates]
    return JSON.stringify(stated, (_, value) => (typeof value === 'bigint' ? Number(value) : value))
  }

  /** The offset that a group has committed; -1 for none. Waits for a transaction that may still change it. */
  async committedOffset(groupId: string, topic: string, partition: number): Promise<number> {
    for (;;) {
      const response = await (await this.connection()).call(
        offsetFetchApi,
        { groupId, topics: [{ name: topic, partitionIndexes: [partition] }], requireStable: true },
        { version: OFFSET_FETCH_VERSION },
      )
      const found = response.topics[0]?.partitions[0]
      if (response.errorCode === 0 && found?.errorCode === 0) return found.committedOffset
      // No coordinator yet, or an open transaction: asking for it makes one.
      await (await this.connection()).call(
        findCoordinatorApi,
        { keyType: 0, coordinatorKeys: [groupId] },
        { version: 4 },
      )
    }
  }

  close(): void {
    this.last?.close()
  }
}
