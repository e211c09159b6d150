import { nodeRuntime } from '@ottla/runtime/node'
import { Admin } from './admin/admin.ts'
import { Cluster } from './cluster/cluster.ts'
import { Consumer } from './consumer/consumer.ts'
import type { ConsumerOptions } from './consumer/options.ts'
import type { ClientDeps } from './deps.ts'
import { GroupConsumer } from './group/group-consumer.ts'
import type { GroupConsumerOptions } from './group/options.ts'
import { type KafkaOptions, settingsOf } from './options.ts'
import { type ProducerOptions, producerSettingsOf, type TransactionalProducerOptions } from './producer/options.ts'
import { Producer } from './producer/producer.ts'
import type { Content } from './producer/record.ts'
import { TransactionalProducer } from './producer/transactional-producer.ts'

/**
 * One client of one cluster. Connections are made when they are needed; nothing is sent before.
 *
 * ```ts
 * await using kafka = new Kafka({ bootstrap: 'localhost:9092' })
 * ```
 */
export class Kafka implements AsyncDisposable {
  readonly admin: Admin
  private readonly cluster: Cluster
  private readonly children = new Set<{ close(options: { timeoutMs?: number }): Promise<void> }>()

  /** Throws `ConfigError` for options that cannot be. `deps` replaces Node's network, clock, timers and randomness. */
  constructor(options: KafkaOptions, deps: ClientDeps = nodeRuntime()) {
    this.cluster = new Cluster(settingsOf(options), deps)
    this.admin = new Admin(this.cluster)
  }

  /** With a `transactionalId`, one that writes in transactions. Throws `ConfigError` for options that cannot be. */
  producer<K = Content, V = Content>(options: TransactionalProducerOptions<K, V>): TransactionalProducer<K, V>
  producer<K = Content, V = Content>(options?: ProducerOptions<K, V>): Producer<K, V>
  producer<K, V>(
    options: ProducerOptions<K, V> | TransactionalProducerOptions<K, V> = {},
  ): Producer<K, V> | TransactionalProducer<K, V> {
    const onClosed = () => this.children.delete(producer)
    const producer: Producer<K, V> | TransactionalProducer<K, V> = isTransactional(options)
      ? new TransactionalProducer(options, this.cluster, onClosed)
      : new Producer(producerSettingsOf(options, this.cluster.settings.requestTimeoutMs), this.cluster, onClosed)
    this.children.add(producer)
    return producer
  }

  /** With a `group`, as one of its members; else of the partitions that `assign` names. Throws `ConfigError`. */
  consumer<K = Buffer, V = Buffer>(options: GroupConsumerOptions<K, V>): GroupConsumer<K, V>
  consumer<K = Buffer, V = Buffer>(options: ConsumerOptions<K, V>): Consumer<K, V>
  consumer<K, V>(options: ConsumerOptions<K, V> | GroupConsumerOptions<K, V>): Consumer<K, V> | GroupConsumer<K, V> {
    const onClosed = () => this.children.delete(consumer)
    const consumer: Consumer<K, V> | GroupConsumer<K, V> = isOfGroup(options)
      ? new GroupConsumer(options, this.cluster, onClosed)
      : new Consumer(options, this.cluster, onClosed)
    this.children.add(consumer)
    return consumer
  }

  /**
   * Closes what was made of this client, then its connections. Idempotent. `timeoutMs` bounds how long records under way
   * are waited for (default 30 000); those without an outcome by then fail with CLOSED.
   */
  async close(options: { timeoutMs?: number } = {}): Promise<void> {
    await Promise.all([...this.children].map((child) => child.close(options)))
    this.children.clear()
    this.cluster.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function isOfGroup<K, V>(
  options: ConsumerOptions<K, V> | GroupConsumerOptions<K, V>,
): options is GroupConsumerOptions<K, V> {
  return (options as Partial<GroupConsumerOptions<K, V>> | null)?.group !== undefined
}

function isTransactional<K, V>(
  options: ProducerOptions<K, V> | TransactionalProducerOptions<K, V>,
): options is TransactionalProducerOptions<K, V> {
  return (options as Partial<TransactionalProducerOptions<K, V>> | null)?.transactionalId !== undefined
}
