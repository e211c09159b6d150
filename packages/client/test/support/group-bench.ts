/** A broker of our own, and consumers of one group. */
import type { TestContext } from 'node:test'
import { type GroupConsumer, type GroupConsumerOptions, Kafka } from '@ottla/client'
import { startBroker, type TestBroker } from 'ottla'

export const TOPIC = 'orders'
export const PROTOCOLS = ['classic', 'consumer'] as const

export type GroupProtocol = (typeof PROTOCOLS)[number]

export interface Bench {
  readonly broker: TestBroker
  readonly bootstrap: string
  client(): Kafka
  /** Values `0`, `1` and so on, in turn into each partition. */
  produce(count: number): Promise<void>
}

/** The lowest that may be: nobody waits for a heartbeat in a test. */
const CONFIG = {
  'group.min.session.timeout.ms': 100,
  'group.consumer.min.heartbeat.interval.ms': 20,
  'group.consumer.heartbeat.interval.ms': 20,
  'group.consumer.min.session.timeout.ms': 1000,
  'group.consumer.session.timeout.ms': 6000,
}

export async function setUp(t: TestContext, partitions = 1): Promise<Bench> {
  const broker = await startBroker({ topics: { [TOPIC]: { partitions } }, config: CONFIG })
  const kafkas: Kafka[] = []
  t.after(async () => {
    await Promise.all(kafkas.map((kafka) => kafka.close()))
    await broker.close()
  })
  const client = (): Kafka => {
    const kafka = new Kafka({ bootstrap: broker.bootstrap, metadataMaxAgeMs: 300 })
    kafkas.push(kafka)
    return kafka
  }
  let next = 0
  return {
    broker,
    bootstrap: broker.bootstrap,
    client,
    async produce(count) {
      const producer = client().producer()
      for (let i = 0; i < count; i++, next++)
        void producer.send(TOPIC, { value: String(next), partition: next % partitions })
      await producer.close()
    },
  }
}

const FETCH = { fetchMaxWaitMs: 20 } as const
export const FAST = { heartbeatIntervalMs: 20, sessionTimeoutMs: 6000, ...FETCH } as const

/** Options that are quick with the protocol. */
export function fast(groupProtocol: GroupProtocol = 'classic') {
  return groupProtocol === 'classic' ? FAST : { groupProtocol, ...FETCH }
}

export function consumerOf(bench: Bench, options: Partial<GroupConsumerOptions> = {}): GroupConsumer {
  const topics = options.pattern === undefined ? [TOPIC] : undefined
  return bench.client().consumer({ group: 'g', topics, from: 'earliest', ...fast(options.groupProtocol), ...options })
}

/** Values of so many records, read by a consumer that is closed then, the last record in hand. */
export async function take(
  consumer: GroupConsumer,
  count: number,
  onRecord?: (value: string, n: number) => Promise<void>,
): Promise<string[]> {
  const values: string[] = []
  for await (const { value } of consumer) {
    values.push(String(value))
    await onRecord?.(String(value), values.length)
    if (values.length === count) break
  }
  return values
}

export const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => String(from + i))
