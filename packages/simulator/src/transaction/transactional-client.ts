import {
  AddOffsetsToTxnRequest,
  AddOffsetsToTxnResponse,
  AddPartitionsToTxnRequest,
  AddPartitionsToTxnResponse,
  EndTxnRequest,
  EndTxnResponse,
  ErrorCode,
  errorName,
  InitProducerIdRequest,
  InitProducerIdResponse,
  ProduceRequest,
  ProduceResponse,
  TxnOffsetCommitRequest,
  TxnOffsetCommitResponse,
} from '@ottla/protocol'
import { RecordBatchBuilder } from '@ottla/protocol/records'
import type { SeededRandom, SimMachine } from '@ottla/runtime/sim'
import type { CommittedOffset } from '../check/committed.ts'
import type { Transaction, TransactionLedger } from '../check/transaction-ledger.ts'
import { Link } from '../client/link.ts'
import { isPassing, REQUEST_TIMEOUT_MS } from '../group/offsets.ts'
import type { GroupPlan } from '../options.ts'
import type { World } from '../world.ts'

export const TRANSACTION_TOPIC = 'x0'
const RETRY_MS = 40
/** After so many of the same request it gives the transaction up. */
const ATTEMPTS_MAX = 30
const BATCHES_MAX = 4
const RECORDS_MAX = 3

interface Producer {
  readonly id: number
  readonly epoch: number
  /** Next sequence by partition; they go on from one transaction to the next. */
  readonly sequences: Map<number, number>
}

interface Batch {
  readonly partition: number
  readonly records: number
  readonly bytes: Buffer
}

/** One step of a transaction: sends its request, and tells the error code, or null when no answer came. */
type Step = (done: (errorCode: number | null) => void) => void

/** What a group's offset of this client's transactions is kept in. */
export interface OffsetTarget {
  readonly groupId: string
  readonly topic: string
  readonly offset: CommittedOffset
}

/**
 * A transactional producer: one transaction after the other, some aborted, some left to time out, some taken up again
 * under a new epoch in the middle. Version 1 names its partitions beforehand, version 2 (KIP-890) does not.
 */
export class TransactionalClient {
  readonly number: number
  /** Transactions whose commit was acked. */
  commits = 0
  /** It begins no further transaction. */
  stopped = false
  private readonly world: World
  private readonly ledger: TransactionLedger
  private readonly plan: GroupPlan
  private readonly target: OffsetTarget
  private readonly random: SeededRandom
  private readonly link: Link
  private readonly isSecondVersion: boolean
  private producer: Producer | null = null
  private current: Transaction | null = null
  /** Transactions whose outcome is that of the next epoch. */
  private left: Transaction[] = []
  private busy = false
  /** Committed; that all its markers are written shows in the next request that is granted. */
  private finishing: Transaction | null = null
  /** What an earlier epoch would still send. */
  private zombie: Producer | null = null

  constructor(
    world: World,
    machine: SimMachine,
    number: number,
    ledger: TransactionLedger,
    plan: GroupPlan,
    target: OffsetTarget,
  ) {
    this.world = world
    this.number = number
    this.ledger = ledger
    this.plan = plan
    this.target = target
    this.random = world.random(`client/${number}`)
    this.isSecondVersion = this.random.chance(0.5)
    this.link = new Link(
      world,
      machine.start(),
      `c${number}`,
      () => this.act(),
      () => {},
    )
    this.tick()
  }

  /** Nothing of it is open. */
  get idle(): boolean {
    return !this.busy && this.current === null && this.left.length === 0
  }

  get standing(): string {
    return `c${this.number} ${this.busy ? 'busy' : 'not busy'}, transaction ${this.current?.id ?? 'none'}, left ${this.left.map(({ id }) => id)}`
  }

  private get transactionalId(): string {
    return `tx${this.number}`
  }

  private tick(): void {
    this.act()
    this.link.runtime.timers.setTimer(() => this.tick(), this.random.between(30, 150))
  }

  private act(): void {
    if (this.busy || !this.link.up) return
    if (this.producer === null) {
      // Also when it is to stop: what was left behind is decided by the next epoch.
      if (!this.stopped || this.left.length > 0) this.initialise()
      return
    }
    if (this.world.phase === 'safety') {
      if (this.zombie !== null && this.random.chance(0.2)) {
        this.writeAsZombie(this.zombie)
        return
      }
      if (!this.isSecondVersion && this.random.chance(0.03)) {
        this.writeOutside(this.producer)
        return
      }
    }
    if (!this.stopped) this.transact(this.producer)
  }

  // ---- epochs

  private initialise(): void {
    this.busy = true
    const body = { transactionalId: this.transactionalId, transactionTimeoutMs: this.plan.transactionTimeoutMs }
    const version = this.isSecondVersion ? 5 : 4
    const left = [...this.left]
    this.link.request(InitProducerIdRequest, InitProducerIdResponse, version, body, REQUEST_TIMEOUT_MS, (answer) => {
      this.busy = false
      if (answer === null) return
      const { errorCode, producerId, producerEpoch } = answer
      if (errorCode !== ErrorCode.NONE) {
        if (!isPassing(errorCode) && errorCode !== ErrorCode.CONCURRENT_TRANSACTIONS)
          this.world.checks.fail('T6', `c${this.number} asks for a new epoch`, errorName(errorCode))
        return
      }
      this.checkIdentity(producerId, producerEpoch)
      this.granted()
      this.world.tally.asked++
      if (this.world.tracing) this.world.say(`c${this.number} has producer ${producerId}/${producerEpoch}`)
      this.producer = { id: producerId, epoch: producerEpoch, sequences: new Map() }
      // Whatever was not asked to commit is aborted by now; the rest shows itself.
      for (const transaction of left) if (transaction.outcome === 'open') this.ledger.aborted(transaction)
      this.left = this.left.filter((transaction) => !left.includes(transaction))
    })
  }

  private lastEpoch: { readonly id: number; readonly epoch: number } | null = null

  private checkIdentity(id: number, epoch: number): void {
    const { checks, producerIds } = this.world
    checks.met('P5')
    const owner = producerIds.get(id)
    if (owner !== undefined && owner !== this.number)
      checks.fail('P5', `producer id ${id} was given to c${owner}`, `c${this.number} got it too`)
    producerIds.set(id, this.number)
    const last = this.lastEpoch
    checks.met('T6')
    if (last !== null && last.id === id && epoch <= last.epoch)
      checks.fail('T6', `c${this.number} had epoch ${last.epoch} of producer ${id}`, `it is given epoch ${epoch}`)
    this.lastEpoch = { id, epoch }
  }

  /** What was begun goes on under the next epoch, or not at all. */
  private abandon(why: string): void {
    const { current, producer } = this
    if (this.world.tracing) this.world.say(`c${this.number} gives up transaction ${current?.id}: ${why}`)
    if (current !== null) this.left.push(current)
    if (producer !== null && this.random.chance(0.5)) this.zombie = producer
    this.current = null
    this.producer = null
    this.busy = false
  }

  // ---- one transaction

  private transact(producer: Producer): void {
    const { random } = this
    this.busy = true
    const transaction = this.ledger.begin(this.number, false)
    this.current = transaction
    const batches = Array.from({ length: random.below(BATCHES_MAX + 1) }, () => this.makeBatch(transaction, producer))
    const withOffset = batches.length === 0 || random.chance(0.4)
    const commits = random.chance(0.75)
    const steps: Step[] = []
    const partitions = [...new Set(batches.map(({ partition }) => partition))]
    if (!this.isSecondVersion && partitions.length > 0)
      steps.push((done) => this.addPartitions(producer, partitions, done))
    for (const batch of batches) steps.push((done) => this.produce(producer, transaction, batch, done))
    if (withOffset) {
      transaction.offset = { of: this.target.offset, value: transaction.id + 1, commit: null }
      if (!this.isSecondVersion) steps.push((done) => this.addOffsets(producer, done))
      steps.push((done) => this.commitOffset(producer, transaction.id + 1, done))
    }
    if (this.world.tracing)
      this.world.say(
        `c${this.number} begins transaction ${transaction.id}: ${batches.map(({ partition, records }) => `${records} to ${partition}`).join(', ')}${withOffset ? ', offset' : ''}, to ${commits ? 'commit' : 'abort'}`,
      )
    const left = random.chance(0.08) && this.world.phase === 'safety'
    const stopAt = left ? random.below(steps.length + 1) : Number.POSITIVE_INFINITY
    const next = (i: number): void => {
      if (i === stopAt) {
        this.walkAway()
        return
      }
      if (i < steps.length) this.attempt(steps[i], 1, () => next(i + 1))
      else {
        if (commits) this.ledger.committing(transaction)
        this.attempt(
          (done) => this.end(producer, commits, done),
          1,
          () => this.ended(transaction, commits),
        )
      }
    }
    next(0)
  }

  /** It comes back after a while: perhaps before, perhaps after the coordinator has given up waiting. */
  private walkAway(): void {
    this.world.fault('transaction left')
    this.link.runtime.timers.setTimer(
      () => this.abandon('it was left'),
      this.random.between(0, 2 * this.plan.transactionTimeoutMs),
    )
  }

  private attempt(step: Step, attempts: number, then: () => void): void {
    const again = (): void => {
      this.link.runtime.timers.setTimer(() => {
        if (attempts >= ATTEMPTS_MAX) this.abandon('too many attempts')
        else if (!this.link.up) this.attempt(step, attempts + 1, then)
        else this.attempt(step, attempts + 1, then)
      }, RETRY_MS)
    }
    if (!this.link.up) {
      again()
      return
    }
    step((errorCode) => {
      if (errorCode === ErrorCode.NONE) {
        this.granted()
        then()
        return
      }
      if (errorCode === null) {
        this.world.tally.unknown++
        if (this.random.chance(0.3)) this.abandon('no answer')
        else again()
        return
      }
      this.world.tally.failed++
      if (errorCode === ErrorCode.CONCURRENT_TRANSACTIONS || isPassing(errorCode)) again()
      else this.abandon(errorName(errorCode))
    })
  }

  /** The coordinator takes nothing for a transaction while the one before is being finished. */
  private granted(): void {
    if (this.finishing !== null) this.ledger.completed(this.finishing)
    this.finishing = null
  }

  private ended(transaction: Transaction, commits: boolean): void {
    if (commits) {
      this.commits++
      this.ledger.committed(transaction)
      this.finishing = transaction
    } else this.ledger.aborted(transaction)
    if (this.world.tracing)
      this.world.say(`c${this.number} ${commits ? 'commits' : 'aborts'} transaction ${transaction.id}`)
    this.world.tally.ok++
    this.current = null
    this.busy = false
  }

  private makeBatch(transaction: Transaction, producer: Producer): Batch {
    const { random } = this
    const partition = random.below(this.plan.transactionPartitions)
    const records = 1 + random.below(RECORDS_MAX)
    const first = transaction.asked.get(partition) ?? 0
    transaction.asked.set(partition, first + records)
    const sequence = producer.sequences.get(partition) ?? 0
    producer.sequences.set(partition, sequence + records)
    const builder = new RecordBatchBuilder()
    const nowMs = this.link.runtime.clock.nowMs()
    for (let i = 0; i < records; i++) {
      const value = Buffer.alloc(8)
      value.writeUInt32BE(transaction.id, 0)
      value.writeUInt32BE(first + i, 4)
      builder.append(null, value, [], nowMs)
    }
    const bytes = builder.build({
      producerId: producer.id,
      producerEpoch: producer.epoch,
      baseSequence: sequence,
      transactional: true,
    })
    return { partition, records, bytes }
  }

  // ---- requests

  private addPartitions(
    producer: Producer,
    partitions: readonly number[],
    done: (errorCode: number | null) => void,
  ): void {
    const body = {
      v3AndBelowTransactionalId: this.transactionalId,
      v3AndBelowProducerId: producer.id,
      v3AndBelowProducerEpoch: producer.epoch,
      v3AndBelowTopics: [{ name: TRANSACTION_TOPIC, partitions: [...partitions] }],
    }
    this.link.request(AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, 3, body, REQUEST_TIMEOUT_MS, (answer) => {
      if (answer === null) {
        done(null)
        return
      }
      const results = answer.resultsByTopicV3AndBelow.flatMap(({ resultsByPartition }) => resultsByPartition)
      done(results.find(({ partitionErrorCode }) => partitionErrorCode !== 0)?.partitionErrorCode ?? 0)
    })
  }

  private produce(
    _producer: Producer,
    transaction: Transaction,
    batch: Batch,
    done: (errorCode: number | null) => void,
  ): void {
    this.world.tally.sent++
    const body = {
      transactionalId: this.transactionalId,
      acks: -1,
      timeoutMs: 1_000,
      topicData: [{ name: TRANSACTION_TOPIC, partitionData: [{ index: batch.partition, records: batch.bytes }] }],
    }
    const version = this.isSecondVersion ? 12 : 9
    this.link.request(ProduceRequest, ProduceResponse, version, body, REQUEST_TIMEOUT_MS, (answer) => {
      if (answer === null) {
        done(null)
        return
      }
      const { errorCode } = answer.responses[0].partitionResponses[0]
      if (errorCode === ErrorCode.NONE)
        transaction.written.set(batch.partition, (transaction.written.get(batch.partition) ?? 0) + batch.records)
      done(errorCode)
    })
  }

  private addOffsets(producer: Producer, done: (errorCode: number | null) => void): void {
    const body = {
      transactionalId: this.transactionalId,
      producerId: producer.id,
      producerEpoch: producer.epoch,
      groupId: this.target.groupId,
    }
    this.link.request(AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, 3, body, REQUEST_TIMEOUT_MS, (answer) =>
      done(answer === null ? null : answer.errorCode),
    )
  }

  private commitOffset(producer: Producer, value: number, done: (errorCode: number | null) => void): void {
    const partition = { partitionIndex: 0, committedOffset: value, committedMetadata: null }
    const body = {
      transactionalId: this.transactionalId,
      groupId: this.target.groupId,
      producerId: producer.id,
      producerEpoch: producer.epoch,
      topics: [{ name: this.target.topic, partitions: [partition] }],
    }
    const version = this.isSecondVersion ? 5 : 3
    this.link.request(TxnOffsetCommitRequest, TxnOffsetCommitResponse, version, body, REQUEST_TIMEOUT_MS, (answer) =>
      done(answer === null ? null : answer.topics[0].partitions[0].errorCode),
    )
  }

  private end(producer: Producer, committed: boolean, done: (errorCode: number | null) => void): void {
    const body = {
      transactionalId: this.transactionalId,
      producerId: producer.id,
      producerEpoch: producer.epoch,
      committed,
    }
    this.world.delicate(3 * this.world.options.linkDelayMs[1] + 1)
    const version = this.isSecondVersion ? 5 : 3
    this.link.request(EndTxnRequest, EndTxnResponse, version, body, REQUEST_TIMEOUT_MS, (answer) => {
      if (answer === null) {
        done(null)
        return
      }
      // Version 2: every transaction has an epoch of its own, and its sequences begin anew.
      if (answer.errorCode === ErrorCode.NONE && this.isSecondVersion) {
        this.checkIdentity(answer.producerId, answer.producerEpoch)
        this.producer = { id: answer.producerId, epoch: answer.producerEpoch, sequences: new Map() }
      }
      done(answer.errorCode)
    })
  }

  // ---- what must not take effect

  /** T6: what an earlier epoch still had to send arrives now. */
  private writeAsZombie(zombie: Producer): void {
    this.zombie = null
    this.busy = true
    this.world.checks.met('T6')
    this.world.fault('zombie')
    const transaction = this.ledger.begin(this.number, true)
    this.ledger.aborted(transaction)
    const refused = (what: string) => (errorCode: number | null) => {
      this.busy = false
      if (errorCode === ErrorCode.NONE)
        this.world.checks.fail(
          'T6',
          `c${this.number} had left epoch ${zombie.epoch} of producer ${zombie.id}`,
          `${what} of it is accepted`,
        )
    }
    if (this.random.chance(0.5)) this.end(zombie, true, refused('EndTxn'))
    else this.produce(zombie, transaction, this.makeBatch(transaction, zombie), refused('a batch'))
  }

  /** T7: a batch of no transaction. */
  private writeOutside(producer: Producer): void {
    this.busy = true
    this.world.checks.met('T7')
    const transaction = this.ledger.begin(this.number, true)
    this.ledger.aborted(transaction)
    const batch = this.makeBatch(transaction, producer)
    this.produce(producer, transaction, batch, (errorCode) => {
      // What became of its sequence is not known without an answer, and a refused batch leaves none.
      this.producer = null
      this.busy = false
      if (errorCode === ErrorCode.NONE)
        this.world.checks.fail(
          'T7',
          `c${this.number} has no transaction open`,
          `a transactional batch to x0-${batch.partition} is accepted`,
        )
    })
  }
}
