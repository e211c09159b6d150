/** A broker of our own, and consumers of one group. */
import type { TestContext } from 'node:test'
import { type GroupConsumer, type GroupConsumerOptions, Kafka } from '@ottla/client'
import type { Network, Socket } from '@ottla/runtime'
import { nodeRuntime } from '@ottla/runtime/node'
import { startBroker, type TestBroker } from 'ottla'

export const TOPIC = 'orders'
export const PROTOCOLS = ['classic', 'consumer'] as const

export type GroupProtocol = (typeof PROTOCOLS)[number]

export interface Bench {
  readonly broker: TestBroker
  readonly bootstrap: string
  client(): Kafka
  /** One whose process dies: from then on it is cut off, without a word to anybody. */
  mortal(): { readonly kafka: Kafka; die(): void }
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

export async function setUp(t: TestContext, partitions = 1, config: Record<string, number> = {}): Promise<Bench> {
  const broker = await startBroker({ topics: { [TOPIC]: { partitions } }, config: { ...CONFIG, ...config } })
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
  const mortal = (): { kafka: Kafka; die(): void } => {
    const runtime = nodeRuntime()
    const sockets = new Set<Socket>()
    let port: number | null = null
    const net: Network = {
      ...runtime.net,
      connect(options, handlers) {
        const socket = runtime.net.connect({ ...options, port: port ?? options.port }, handlers)
        sockets.add(socket)
        return socket
      },
    }
    const kafka = new Kafka({ bootstrap: broker.bootstrap }, { ...runtime, net })
    kafkas.push(kafka)
    const die = (): void => {
      // Where nobody listens.
      port = 1
      for (const socket of sockets) socket.destroy()
    }
    return { kafka, die }
  }
  let next = 0
  return {
    broker,
    bootstrap: broker.bootstrap,
    client,
    mortal,
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

export function consumerOf(bench: Pick<Bench, 'client'>, options: Partial<GroupConsumerOptions> = {}): GroupConsumer {
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
