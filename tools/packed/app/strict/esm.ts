// A consumer's project: strict, with every declaration file checked. Nobody runs it; it must compile.
import { type ConsumerRecord, Kafka, KafkaError, type RecordMetadata } from '@ottla/client'
import { type SeedRecord, type StartBrokerOptions, startBroker, type TestBroker } from 'ottla'

const options: StartBrokerOptions = {
  topics: { orders: { partitions: 3, configs: { 'cleanup.policy': 'compact' } } },
  config: { 'log.retention.hours': 1 },
}
const seeds: readonly SeedRecord[] = [{ key: 'k', value: null, headers: { h: 'v' } }]

export async function use(): Promise<number> {
  await using broker: TestBroker = await startBroker({ ...options, records: { orders: seeds } })
  const met: Promise<void> = broker.intercept('Produce', { action: 'drop', when: 'after' })
  await using kafka = new Kafka({ bootstrap: broker.bootstrap })
  const sent: RecordMetadata = await kafka.producer().send('orders', { value: 'v' })
  await met
  const read: ConsumerRecord[] = []
  try {
    for await (const record of kafka.consumer({ assign: [{ topic: 'orders', until: 1 }] })) read.push(record)
  } catch (error) {
    if (error instanceof KafkaError && error.retriable) console.log(error.code)
  }
  // @ts-expect-error: a topic has a name
  await kafka.producer().send({ value: 'v' })
  return sent.offset + read.length + broker.port
}
