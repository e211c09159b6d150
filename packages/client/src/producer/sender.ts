import { backOffMs, type Connection, ConnectionError } from '@ottla/net'
import { ErrorCode, errorInfo } from '@ottla/protocol'
import type { TimerHandle } from '@ottla/runtime'
import { INIT_PRODUCER_ID_MAX, initProducerIdApi, produceApi } from '../apis.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { retry } from '../cluster/retry.ts'
import { BrokerError, KafkaError, TimeoutError } from '../errors.ts'
import type { ProducerBatch } from './batch.ts'
import type { ProducerSettings } from './options.ts'
import type { PartitionQueue, ProducerIdentity } from './partition-queue.ts'
import {
  matchAnswers,
  type PartitionAnswer,
  type ProduceAnswer,
  produceRequest,
  produceVersion,
  type Sent,
} from './produce-request.ts'
import type { TransactionGate } from './transaction/gate.ts'
import { concurrentWaitMs, sequenceErrors } from './transaction/outcomes.ts'

/** One broker as this producer sees it. */
interface Node {
  inFlight: number
  connecting: boolean
  /** Where the next request begins among the partitions, so that none starves. */
  rotation: number
}

/** Beyond the time the broker may wait for replicas, in ms. */
const RESPONSE_SLACK_MS = 5000

/** With acks 0 nothing comes back: more bytes than this waiting for the kernel stop the sending. */
const UNSENT_BYTES_MAX = 1_048_576

/**
 * Sends what the queues hold: one request per broker with one batch of each partition it leads, several requests under
 * way. Runs at the end of the turn in which something changed, so that what is sent in one turn travels together.
 */
export class Sender {
  private readonly cluster: Cluster
  private readonly settings: ProducerSettings
  /** Told when a batch has its outcome, to free what it held. */
  private readonly onSettled: (batch: ProducerBatch) => void
  /** Of a transactional producer. */
  private readonly gate: TransactionGate | null
  private readonly active = new Set<PartitionQueue>()
  private readonly nodes = new Map<number, Node>()
  private identity: ProducerIdentity | null = null
  private identifying = false
  private failure: KafkaError | null = null
  private woken = false
  private timer: TimerHandle | undefined
  private timerMs = Number.POSITIVE_INFINITY
  /** Somebody waits for all that is there: nothing lingers. */
  private flushing = 0
  private closed = false
  private readonly unsubscribe: (() => void)[]

  constructor(
    cluster: Cluster,
    settings: ProducerSettings,
    onSettled: (batch: ProducerBatch) => void,
    gate: TransactionGate | null,
  ) {
    this.cluster = cluster
    this.settings = settings
    this.onSettled = onSettled
    this.gate = gate
    this.unsubscribe = [cluster.metadata.onUpdate(() => this.wakeIfActive())]
    if (settings.acks === 0) this.unsubscribe.push(cluster.pool.onDrain(() => this.wakeIfActive()))
  }

  /** The queue has a new batch, or one that is full. */
  activate(queue: PartitionQueue): void {
    this.active.add(queue)
    this.wake()
  }

  beginFlush(): void {
    this.flushing += 1
    this.wake()
  }

  endFlush(): void {
    this.flushing -= 1
  }

  /** Gives up what is not under way, and sends nothing more. */
  close(error: KafkaError): void {
    this.closed = true
    for (const end of this.unsubscribe) end()
    this.disarm()
    this.discard(error)
    this.active.clear()
  }

  /** Gives up what is not under way. */
  discard(error: KafkaError): void {
    for (const queue of this.active) {
      for (const batch of queue.batches.splice(0)) this.fail(batch, error)
    }
  }

  wakeIfActive(): void {
    if (this.active.size > 0) this.wake()
  }

  private wake(): void {
    if (this.woken || this.closed) return
    this.woken = true
    this.cluster.deps.timers.immediate(() => {
      this.woken = false
      if (!this.closed) this.run()
    })
  }

  private wakeAt(atMs: number): void {
    if (atMs >= this.timerMs) return
    const { timers, clock } = this.cluster.deps
    timers.clearTimer(this.timer)
    this.timerMs = atMs
    this.timer = timers.setTimer(() => {
      this.timerMs = Number.POSITIVE_INFINITY
      this.timer = undefined
      this.wake()
    }, atMs - clock.monotonicMs())
  }

  private disarm(): void {
    this.cluster.deps.timers.clearTimer(this.timer)
    this.timer = undefined
    this.timerMs = Number.POSITIVE_INFINITY
  }

  private run(): void {
    const nowMs = this.cluster.deps.clock.monotonicMs()
    const byLeader = new Map<number, PartitionQueue[]>()
    let leaderless = false
    for (const queue of this.active) {
      if (queue.idle) {
        this.active.delete(queue)
        continue
      }
      this.expire(queue, nowMs)
      const first = queue.batches[0]
      if (first === undefined) continue
      this.wakeAt(first.createdMs + this.settings.deliveryTimeoutMs)
      if (this.failure !== null) {
        for (const batch of queue.batches.splice(0)) this.fail(batch, this.failure)
        continue
      }
      if (first.retryAtMs > nowMs) {
        this.wakeAt(first.retryAtMs)
        continue
      }
      if (!queue.sendable) continue
      if (this.gate !== null && !this.gate.admits(queue.topic, queue.partition)) continue
      const leaderId = this.cluster.metadata.peek(queue.topic)?.partitions[queue.partition]?.leaderId ?? -1
      if (leaderId < 0) {
        leaderless = true
        continue
      }
      const queues = byLeader.get(leaderId)
      if (queues === undefined) byLeader.set(leaderId, [queue])
      else queues.push(queue)
    }
    if (this.active.size === 0) this.disarm()
    if (leaderless) this.cluster.metadata.refresh()
    if (byLeader.size === 0) return
    if (this.settings.idempotent && this.producerIdentity === null) {
      this.identify()
      return
    }
    for (const [leaderId, queues] of byLeader) this.runNode(leaderId, queues, nowMs)
  }

  private get producerIdentity(): ProducerIdentity | null {
    return this.gate === null ? this.identity : this.gate.identity
  }

  private runNode(leaderId: number, queues: PartitionQueue[], nowMs: number): void {
    let node = this.nodes.get(leaderId)
    if (node === undefined) {
      node = { inFlight: 0, connecting: false, rotation: 0 }
      this.nodes.set(leaderId, node)
    }
    const connection = this.cluster.pool.peek(leaderId, 'produce')
    if (connection === null) {
      this.connect(leaderId, node, queues)
      return
    }
    while (node.inFlight < this.settings.maxInFlight && connection.pendingBytes <= UNSENT_BYTES_MAX) {
      if (connection.closed) return
      if (!this.isReady(node, queues, nowMs)) return
      if (!this.sendOne(connection, node, queues)) return
    }
  }

  /** One batch that must not wait takes all others of its broker along. */
  private isReady(node: Node, queues: readonly PartitionQueue[], nowMs: number): boolean {
    const { eager, lingerMs } = this.settings
    let ready = false
    for (const queue of queues) {
      const first = queue.batches[0]
      if (first === undefined || !queue.sendable) continue
      if (first.sealed || this.flushing > 0 || (eager && node.inFlight === 0)) return true
      const dueMs = first.createdMs + lingerMs
      if (dueMs <= nowMs) ready = true
      else this.wakeAt(dueMs)
    }
    return ready
  }

  /** False when there was nothing to send. */
  private sendOne(connection: Connection, node: Node, queues: readonly PartitionQueue[]): boolean {
    const sent: Sent[] = []
    let bytes = 0
    const count = queues.length
    let at = node.rotation % count
    for (let i = 0; i < count; i++, at = at + 1 === count ? 0 : at + 1) {
      const queue = queues[at]
      if (!queue.sendable) continue
      const size = queue.batches[0].sizeInBytes
      if (sent.length > 0 && bytes + size > this.settings.maxRequestBytes) break
      if (this.gate === null && queue.exhausted) {
        this.identity = null
        this.wake()
        continue
      }
      const batch = queue.take(this.producerIdentity, {
        codec: this.settings.codec,
        level: this.settings.compressionLevel,
        transactional: this.gate !== null,
      })
      bytes += batch.sizeInBytes
      sent.push({ queue, batch })
    }
    if (sent.length === 0) return false
    node.rotation = at
    this.send(connection, node, sent)
    return true
  }

  private send(connection: Connection, node: Node, sent: Sent[]): void {
    const ids = new Map<string, string | null>()
    for (const { queue } of sent) ids.set(queue.topic, this.cluster.metadata.peek(queue.topic)?.topicId ?? null)
    let version: number
    try {
      version = produceVersion(connection, this.gate, [...ids.values()].includes(null))
    } catch (error) {
      for (const { queue, batch } of sent) this.giveUp(queue, batch, error as KafkaError)
      return
    }
    const value = produceRequest(sent, ids, this.settings, this.gate)
    if (this.settings.acks === 0) {
      const taken = connection.sendOneWay(produceApi, value, { version })
      for (const { queue, batch } of sent) {
        if (taken) this.succeed(queue, batch, -1, -1)
        else this.again(queue, batch, new ConnectionError('CONNECTION_CLOSED', connection.peer, 'not sent'))
      }
      this.wakeIfActive()
      return
    }
    node.inFlight += 1
    connection.send(
      produceApi,
      value,
      (error, response) => {
        node.inFlight -= 1
        if (error !== null) this.onFailure(sent, error)
        else this.onResponse(sent, response as ProduceAnswer, ids)
        this.wakeIfActive()
      },
      { version, timeoutMs: this.responseTimeoutMs(sent) },
    )
  }

  /** The records' own time goes first: they have their outcome when it is over. */
  private responseTimeoutMs(sent: readonly Sent[]): number {
    const nowMs = this.cluster.deps.clock.monotonicMs()
    let timeoutMs = this.settings.ackTimeoutMs + RESPONSE_SLACK_MS
    for (const { batch } of sent) {
      timeoutMs = Math.min(timeoutMs, batch.createdMs + this.settings.deliveryTimeoutMs - nowMs)
    }
    return Math.max(1, timeoutMs)
  }

  private onFailure(sent: readonly Sent[], error: ConnectionError): void {
    this.cluster.metadata.refresh()
    for (const { queue, batch } of sent) {
      if (error.retriable) this.again(queue, batch, error)
      else this.giveUp(queue, batch, error)
    }
  }

  private onResponse(sent: readonly Sent[], response: ProduceAnswer, ids: ReadonlyMap<string, string | null>): void {
    matchAnswers(sent, response, ids, (each, answer) => {
      if (answer !== null) {
        this.onAnswer(each, answer)
        return
      }
      const { queue, batch } = each
      const what = `partition ${queue.topic}-${queue.partition}`
      this.giveUp(queue, batch, new BrokerError(ErrorCode.UNKNOWN_SERVER_ERROR, what, 'left out of the response'))
    })
  }

  private onAnswer({ queue, batch }: Sent, p: PartitionAnswer): void {
    if (p.errorCode === 0) {
      this.succeed(queue, batch, p.baseOffset, p.logAppendTimeMs)
      return
    }
    if (p.errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
      // Written before, so long ago that the broker no longer knows where.
      this.succeed(queue, batch, -1, -1)
      return
    }
    const detail = p.recordErrors[0]?.batchIndexErrorMessage ?? p.errorMessage
    const error = new BrokerError(p.errorCode, `partition ${queue.topic}-${queue.partition}`, detail)
    if (this.settings.idempotent && sequenceErrors.has(p.errorCode)) {
      // Out of order is also what a batch gets whose predecessor has failed and goes again: then it just follows it.
      const follows = p.errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER && !queue.isLost(batch)
      if (!follows && this.gate !== null) {
        // Only the coordinator gives a new epoch, to the next transaction.
        this.giveUp(queue, batch, error)
        return
      }
      if (!follows) queue.restart()
      this.again(queue, batch, error)
      return
    }
    if (errorInfo(p.errorCode)?.refreshMetadata) this.cluster.metadata.refresh()
    if (error.retriable) this.again(queue, batch, error)
    else this.giveUp(queue, batch, error)
  }

  private succeed(queue: PartitionQueue, batch: ProducerBatch, baseOffset: number, logAppendTimeMs: number): void {
    queue.acknowledge(batch)
    batch.succeed(baseOffset, logAppendTimeMs)
    this.onSettled(batch)
  }

  /** Sends a batch again, unless its time or its attempts are used up. */
  private again(queue: PartitionQueue, batch: ProducerBatch, error: KafkaError): void {
    const { clock, random } = this.cluster.deps
    if (this.gate?.isWriting === false) {
      this.giveUp(queue, batch, error)
      return
    }
    const waitMs =
      error.code === 'CONCURRENT_TRANSACTIONS'
        ? concurrentWaitMs(batch.attempts)
        : backOffMs(batch.attempts - 1, random, this.cluster.settings.backOff)
    const atMs = clock.monotonicMs() + waitMs
    const late = atMs >= batch.createdMs + this.settings.deliveryTimeoutMs
    if (this.closed || late || batch.attempts > this.settings.retries) {
      this.giveUp(queue, batch, late ? this.tooLate(batch, error) : error)
      return
    }
    batch.retryAtMs = atMs
    batch.lastError = error
    const { topic, partition } = batch
    this.cluster.deps.logger.warn('records are sent again', { topic, partition, error: error.message })
    queue.putBack(batch)
  }

  private giveUp(queue: PartitionQueue, batch: ProducerBatch, error: KafkaError): void {
    queue.abandon(batch)
    this.fail(batch, error)
  }

  private fail(batch: ProducerBatch, error: KafkaError): void {
    this.gate?.onRecordFailed(error, batch.baseSequence >= 0)
    batch.fail(error)
    this.onSettled(batch)
  }

  /** Fails the waiting batches whose time is over. */
  private expire(queue: PartitionQueue, nowMs: number): void {
    let count = 0
    while (count < queue.batches.length && queue.batches[count].createdMs + this.settings.deliveryTimeoutMs <= nowMs) {
      count += 1
    }
    for (const batch of queue.batches.splice(0, count)) {
      // It was sent before: the broker may have it, so the numbers after it may not join on.
      if (batch.baseSequence >= 0) queue.restart()
      this.fail(batch, this.tooLate(batch, batch.lastError))
    }
  }

  private tooLate(batch: ProducerBatch, cause: KafkaError | null): TimeoutError {
    const why = cause === null ? '' : `: ${cause.message}`
    return new TimeoutError(
      `records for ${batch.topic}-${batch.partition} were not written within ${this.settings.deliveryTimeoutMs} ms${why}`,
      cause ?? undefined,
    )
  }

  private connect(leaderId: number, node: Node, queues: readonly PartitionQueue[]): void {
    if (node.connecting) return
    node.connecting = true
    this.cluster.pool.get(leaderId, 'produce').then(
      () => {
        node.connecting = false
        this.wake()
      },
      (error: unknown) => {
        node.connecting = false
        if (!(error instanceof KafkaError)) throw error
        const { topic } = queues[0]
        this.cluster.deps.logger.warn('no connection to a leader', { broker: leaderId, topic, error: error.message })
        this.cluster.metadata.refresh()
        this.wake()
      },
    )
  }

  /** Gets a producer id from any broker. */
  private identify(): void {
    if (this.identifying) return
    this.identifying = true
    const { deps, pool, settings } = this.cluster
    retry(deps, { timeoutMs: this.settings.deliveryTimeoutMs, backOff: settings.backOff }, async () => {
      const connection = await pool.any()
      const version = connection.versions.pick(initProducerIdApi, INIT_PRODUCER_ID_MAX)
      const response = await connection.call(
        initProducerIdApi,
        { transactionalId: null, transactionTimeoutMs: 0x7fffffff },
        { version },
      )
      if (response.errorCode !== 0) throw new BrokerError(response.errorCode, 'producer id')
      return { id: response.producerId, epoch: response.producerEpoch }
    }).then(
      (identity) => {
        this.identifying = false
        this.identity = identity
        this.wakeIfActive()
      },
      (error: unknown) => {
        this.identifying = false
        if (!(error instanceof KafkaError)) throw error
        // What is retriable has been tried for a whole delivery timeout: what waits has expired by now.
        if (!error.retriable) this.failure = error
        this.wakeIfActive()
      },
    )
  }
}
