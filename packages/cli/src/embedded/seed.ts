import type { StartBrokerOptions, TestBroker, TopicOptions } from './start-broker.ts'

/** A record to write when a test's broker starts. */
export interface SeedRecord {
  readonly key?: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly headers?: Readonly<Record<string, string | Uint8Array>>
  /** Default: by key as Java's client would choose, spread evenly without one. */
  readonly partition?: number
  /** Milliseconds since the epoch. Default: now. */
  readonly timestamp?: number
}

/** Creates the topics and writes the records asked for, through a client, as anybody would. */
export async function seed(broker: TestBroker, { topics = [], records = {} }: StartBrokerOptions): Promise<void> {
  const wanted: Record<string, TopicOptions> = {}
  for (const name of Object.keys(records)) wanted[name] = {}
  if (Array.isArray(topics)) for (const name of topics as readonly string[]) wanted[name] = {}
  else Object.assign(wanted, topics)
  const names = Object.keys(wanted)
  if (names.length === 0) return
  await broker.createTopics(names.map((name) => ({ name, ...wanted[name] })))
  if (Object.keys(records).length === 0) return
  const kafka = await broker.kafka()
  const producer = kafka.producer()
  const sent: Promise<unknown>[] = []
  for (const [topic, list] of Object.entries(records)) {
    for (const record of list) sent.push(producer.send(topic, record))
  }
  await Promise.all([...sent, producer.flush()])
  await producer.close()
}
