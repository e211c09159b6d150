/** kafkajs: produces and administers; it can consume only as a member of a group. */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { requirePeer } from '../../../tools/peers/node-clients.ts'
import { Unsupported } from '../../contract.ts'
import { contentBytes, serve, turns } from '../../serve.ts'
import { type Groups, members } from './members.ts'

interface Encoder {
  buffer: Buffer
}
interface Admin {
  connect(): Promise<void>
  disconnect(): Promise<void>
  createTopics(options: object): Promise<boolean>
  deleteTopics(options: object): Promise<void>
  listTopics(): Promise<string[]>
  fetchTopicMetadata(options: object): Promise<{ topics: { partitions: unknown[] }[] }>
  createPartitions(options: object): Promise<boolean>
  describeConfigs(
    options: object,
  ): Promise<{ resources: { configEntries: { configName: string; configValue: string }[] }[] }>
  alterConfigs(options: object): Promise<unknown>
  fetchTopicOffsets(topic: string): Promise<{ partition: number; high: string; low: string }[]>
  fetchTopicOffsetsByTimestamp(topic: string, at: number): Promise<{ partition: number; offset: string }[]>
}
interface Producer {
  connect(): Promise<void>
  disconnect(): Promise<void>
  send(options: object): Promise<{ partition: number; baseOffset?: string }[]>
}
const { Kafka, CompressionCodecs, CompressionTypes, logLevel } = requirePeer('kafkajs') as {
  Kafka: new (options: object) => { admin(): Admin; producer(options: object): Producer }
  CompressionCodecs: Record<number, () => object>
  CompressionTypes: Record<string, number>
  logLevel: { NOTHING: number }
}
const snappy = requirePeer('snappyjs') as { compress(b: Buffer): Buffer; uncompress(b: Buffer): Buffer }
const lz4 = requirePeer('lz4-napi') as { compressFrameSync(b: Buffer): Buffer; decompressFrameSync(b: Buffer): Buffer }

// kafkajs brings gzip; the others are for its user to plug in.
const plug = (compress: (b: Buffer) => Uint8Array, decompress: (b: Buffer) => Uint8Array) => () => ({
  compress: async (encoder: Encoder) => Buffer.from(compress(encoder.buffer)),
  decompress: async (buffer: Buffer) => Buffer.from(decompress(buffer)),
})
CompressionCodecs[CompressionTypes.Snappy!] = plug(snappy.compress, snappy.uncompress)
CompressionCodecs[CompressionTypes.LZ4!] = plug(lz4.compressFrameSync, lz4.decompressFrameSync)
CompressionCodecs[CompressionTypes.ZSTD!] = plug(zstdCompressSync, zstdDecompressSync)
const compression = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 }

const topicResource = 2

const kafka = (bootstrap: string) =>
  new Kafka({ clientId: 'interop-kafkajs', brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 8 } })

async function withAdmin<Result>(bootstrap: string, use: (admin: Admin) => Promise<Result>): Promise<Result> {
  const admin = kafka(bootstrap).admin()
  await admin.connect()
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}

await serve({
  ...members(kafka as unknown as (bootstrap: string) => Groups),
  async produce(bootstrap, request, sent) {
    const producer = kafka(bootstrap).producer({
      idempotent: request.idempotent,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
    })
    if (request.records.some(({ headers = [] }) => headers.some(([, value]) => value === null)))
      throw new Unsupported('kafkajs cannot write a null header')
    await producer.connect()
    const offsets: (number | null)[] = []
    try {
      for (const [turn, records] of turns(request).entries()) {
        if (turn > 0) await sent()
        const messages = records.map((record) => ({
          partition: request.partition,
          key: record.key,
          value: contentBytes(record.value),
          headers: headersObject(record.headers ?? []),
          timestamp: record.timestamp === undefined ? undefined : String(record.timestamp),
        }))
        const [answer] = await producer.send({
          topic: request.topic,
          acks: request.acks,
          compression: compression[request.codec],
          messages,
        })
        const base = answer?.baseOffset === undefined ? null : Number(answer.baseOffset)
        for (let i = 0; i < records.length; i++) offsets.push(base === null ? null : base + i)
      }
    } finally {
      await producer.disconnect()
    }
    return { offsets }
  },
  async consume() {
    throw new Unsupported('kafkajs consumes only in a group')
  },
  offsets: (bootstrap, { topic, partition, at }) =>
    withAdmin(bootstrap, async (admin) => {
      const ends = (await admin.fetchTopicOffsets(topic)).find((one) => one.partition === partition)!
      const offsets: number[] = []
      for (const time of at) {
        if (time === -2) offsets.push(Number(ends.low))
        else if (time === -1) offsets.push(Number(ends.high))
        else {
          const found = await admin.fetchTopicOffsetsByTimestamp(topic, time)
          offsets.push(Number(found.find((one) => one.partition === partition)!.offset))
        }
      }
      return { offsets }
    }),
  createTopic: (bootstrap, { topic, partitions, configs }) =>
    withAdmin(bootstrap, async (admin) => {
      const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
      const topics = [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }]
      await admin.createTopics({ topics, waitForLeaders: true })
      return {}
    }),
  deleteTopic: (bootstrap, { topic }) =>
    withAdmin(bootstrap, async (admin) => {
      await admin.deleteTopics({ topics: [topic] })
      return {}
    }),
  listTopics: (bootstrap) => withAdmin(bootstrap, async (admin) => ({ topics: await admin.listTopics() })),
  describeTopic: (bootstrap, { topic }) =>
    withAdmin(bootstrap, async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      return { partitions: topics[0]!.partitions.length }
    }),
  createPartitions: (bootstrap, { topic, total }) =>
    withAdmin(bootstrap, async (admin) => {
      await admin.createPartitions({ topicPartitions: [{ topic, count: total }] })
      return {}
    }),
  describeConfigs: (bootstrap, { topic, names }) =>
    withAdmin(bootstrap, async (admin) => {
      const resources = [{ type: topicResource, name: topic, configNames: names }]
      const answer = await admin.describeConfigs({ includeSynonyms: false, resources })
      const entries = answer.resources[0]!.configEntries
      return { configs: Object.fromEntries(entries.map((entry) => [entry.configName, entry.configValue])) }
    }),
  alterConfigs: (bootstrap, { topic, set }) =>
    withAdmin(bootstrap, async (admin) => {
      const configEntries = Object.entries(set).map(([name, value]) => ({ name, value }))
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: topicResource, name: topic, configEntries }],
      })
      return {}
    }),
})

/** kafkajs takes headers as an object; a repeated name becomes an array. */
function headersObject(headers: [string, string | null][]): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = {}
  for (const [name, value] of headers) {
    const before = out[name]
    out[name] = before === undefined ? value! : [...(Array.isArray(before) ? before : [before]), value!]
  }
  return out
}
