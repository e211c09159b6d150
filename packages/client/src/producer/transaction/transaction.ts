import { LARGEST_INT32 } from '../../check-options.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { sleep } from '../../cluster/retry.ts'
import { ConfigError, KafkaError, TransactionError } from '../../errors.ts'
import type { GroupMetadata, OffsetsSource } from '../../group-metadata.ts'
import type { Delivery, RecordMetadata } from '../batch.ts'
import type { Producer } from '../producer.ts'
import type { Content, ProducerRecord } from '../record.ts'
import type { TransactionDriver } from './driver.ts'
import type { OffsetToCommit } from './events.ts'

interface Ending {
  readonly type: 'commit' | 'abort'
  readonly settled: Promise<void>
  readonly ended: Promise<void>
}

const ignore = () => {}

/**
 * One transaction: what is sent through it is seen by read_committed consumers all together once `commit` has resolved,
 * or never. After `commit` or `abort` it takes nothing more, whatever its producer does next.
 *
 * Once a record or an offset has failed, the transaction can only be aborted: `commit` rejects and says why, so that no
 * send needs to be awaited by itself.
 */
export class Transaction<K = Content, V = Content> implements AsyncDisposable {
  private readonly producer: Producer<K, V>
  private readonly driver: TransactionDriver
  private readonly cluster: Cluster
  private ending: Ending | null = null

  /** @internal Use `producer.begin()` or `producer.transaction()`. */
  constructor(producer: Producer<K, V>, driver: TransactionDriver, cluster: Cluster) {
    this.producer = producer
    this.driver = driver
    this.cluster = cluster
  }

  /** Neither committed nor aborted, as far as the program is concerned. */
  get isOpen(): boolean {
    return this.ending === null
  }

  /** As `Producer.send`. It need not be awaited: a record that is not written fails the commit. */
  send(topic: string, record: ProducerRecord<K, V>): Promise<RecordMetadata> {
    return this.kept(() => this.producer.send(topic, record))
  }

  /** As `Producer.sendAll`. */
  sendAll(topic: string, records: readonly ProducerRecord<K, V>[]): Promise<RecordMetadata[]> {
    return this.kept(() => {
      if (Array.isArray(records)) return this.producer.sendAll(topic, records)
      return this.misused('sendAll takes a list of records')
    })
  }

  /** As `Producer.produce`. Throws INVALID_TXN_STATE after the end, when there is nobody to be told otherwise. */
  produce(topic: string, record: ProducerRecord<K, V>, delivery: Delivery | null = null): boolean {
    if (this.ending === null) return this.producer.produce(topic, record, delivery)
    if (delivery === null) throw this.over('a record')
    delivery(this.over('a record'), null)
    return true
  }

  /** As `Producer.ready`. */
  ready(): Promise<void> {
    return this.producer.ready()
  }

  /**
   * Makes offsets of a group part of the transaction: the group has them once it is committed. `offset` is that of the
   * next record to read. `group` is what the group's consumer says of itself, so that a member that has been replaced can
   * no longer commit (KIP-447); a group's id alone checks nothing. A consumer gives both: where it reads on is what has
   * been read of it, so every record that its reader was given counts as processed. One that is closed fails the
   * transaction: its partitions are others' by then.
   *
   * Rejects with a `KafkaError`; the transaction can then only be aborted.
   */
  sendOffsets(consumer: OffsetsSource): Promise<void>
  sendOffsets(offsets: Iterable<OffsetToCommit>, group: GroupMetadata | string): Promise<void>
  sendOffsets(from: OffsetsSource | Iterable<OffsetToCommit>, group?: GroupMetadata | string): Promise<void> {
    return this.kept(() => {
      let given: { offsets: Iterable<OffsetToCommit>; group?: GroupMetadata | string }
      try {
        given = isSource(from) ? offsetsOf(from) : { offsets: from, group }
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error
        return this.failed(error)
      }
      const list = Symbol.iterator in Object(given.offsets) ? [...given.offsets] : null
      const whose = typeof given.group === 'string' ? nobodyOf(given.group) : given.group
      const problem = problemOf(list, whose)
      if (problem !== null) return this.misused(problem)
      return list!.length === 0 ? Promise.resolve() : this.driver.sendOffsets(whose!, list!)
    })
  }

  /**
   * Waits for all records and commits. Rejects with a `TransactionError` when something of the transaction has failed:
   * it must then be aborted, if the error is not `fatal`. Rejects with COMMIT_UNKNOWN when the broker does not say in
   * time whether it is committed; the producer goes on asking, and so does another `commit()`.
   */
  async commit(): Promise<void> {
    if (this.ending === null) this.ending = this.end('commit')
    else if (this.ending.type !== 'commit') throw this.over('a commit')
    const { ending } = this
    try {
      await this.within(ending, () => {
        const { message } = this.driver.tooLate('had no answer to its commit')
        return new KafkaError('COMMIT_UNKNOWN', `${message}; it may be committed or not`)
      })
    } catch (error) {
      if (error instanceof TransactionError && !error.fatal) this.ending = null
      throw error
    }
  }

  /** Aborts; what is not sent is not sent any more. An aborted transaction may be aborted again. */
  async abort(): Promise<void> {
    if (this.ending === null) this.ending = this.end('abort')
    else if (this.ending.type !== 'abort') throw this.over('an abort')
    await this.within(this.ending, () => this.driver.tooLate('was not told that its transaction is aborted'))
  }

  /** @internal Resolves when its end is decided. */
  async finished(): Promise<void> {
    await this.ending?.ended
  }

  /** Aborts what is still open. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.ending === null) await this.abort()
  }

  private end(type: 'commit' | 'abort'): Ending {
    return { type, ...this.driver.end(type) }
  }

  /** Once the records have their outcome, which is bounded by itself, the coordinator has `apiTimeoutMs`. */
  private async within({ settled, ended }: Ending, tooLate: () => KafkaError): Promise<void> {
    await settled
    const enough = new AbortController()
    const { deps, settings } = this.cluster
    const late = sleep(deps.timers, settings.apiTimeoutMs, enough.signal).then(() => {
      throw tooLate()
    })
    late.catch(ignore)
    try {
      await Promise.race([ended, late])
    } finally {
      enough.abort()
    }
  }

  /** A failure of what nobody awaits shows in the commit; what comes after that must not be lost in silence. */
  private kept<T>(start: () => Promise<T>): Promise<T> {
    if (this.ending !== null) return Promise.reject(this.over('what is sent'))
    const result = start()
    result.catch(ignore)
    return result
  }

  private misused(what: string): Promise<never> {
    return this.failed(new ConfigError(what))
  }

  private failed(error: KafkaError): Promise<never> {
    this.driver.onRecordFailed(error, false)
    return Promise.reject(error)
  }

  private over(what: string): KafkaError {
    const is = this.ending?.type === 'commit' ? 'committed' : 'aborted'
    return new KafkaError('INVALID_TXN_STATE', `${what} comes after its transaction was ${is}`)
  }
}

function isSource(from: OffsetsSource | Iterable<OffsetToCommit>): from is OffsetsSource {
  return typeof (from as Partial<OffsetsSource> | null | undefined)?.groupMetadata === 'function'
}

function offsetsOf(consumer: OffsetsSource): { offsets: OffsetToCommit[]; group: GroupMetadata } {
  // First, as it may refuse: positions are none of a consumer that is closed, and would be no offsets to commit.
  const group = consumer.groupMetadata()
  const offsets: OffsetToCommit[] = []
  for (const { topic, partition, offset } of consumer.positions()) {
    if (offset !== null) offsets.push({ topic, partition, offset })
  }
  return { offsets, group }
}

/** A group without checking for which member. */
function nobodyOf(groupId: string): GroupMetadata {
  return { groupId, generationId: -1, memberId: '', groupInstanceId: null }
}

/** Kafka's own bound. */
const TOPIC_NAME_CHARS = 249

function isInt32(value: unknown, least: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= LARGEST_INT32
}

/** What is wrong with what a program without types has given. */
function problemOf(offsets: readonly OffsetToCommit[] | null, group: GroupMetadata | undefined): string | null {
  const { groupId, generationId, memberId, groupInstanceId } = Object(group) as Partial<GroupMetadata>
  const texts = [groupId, memberId, groupInstanceId === null ? '' : groupInstanceId]
  if (!isInt32(generationId, -1) || texts.some((text) => typeof text !== 'string')) {
    return "sendOffsets takes the group's id, or what its consumer says of itself"
  }
  if (offsets === null) return 'sendOffsets takes a list of { topic, partition, offset }'
  for (const given of offsets) {
    const {
      topic,
      partition,
      offset = -1,
      leaderEpoch = -1,
      metadata = null,
    } = Object(given) as Partial<OffsetToCommit>
    const right =
      typeof topic === 'string' &&
      topic.length <= TOPIC_NAME_CHARS &&
      isInt32(partition, 0) &&
      Number.isSafeInteger(offset) &&
      offset >= 0 &&
      isInt32(leaderEpoch, -1) &&
      (metadata === null || typeof metadata === 'string')
    if (!right) return `{ topic: ${topic}, partition: ${partition}, offset: ${offset} } is no offset to commit`
  }
  return null
}
