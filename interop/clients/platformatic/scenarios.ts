/** @platformatic/kafka: its consumer reads by assignment through fetch(), without joining a group. */
import { pathToFileURL } from 'node:url'
import { requirePeer } from '../../../tools/peers/node-clients.ts'
import { type ConsumedRecord, Unsupported } from '../../contract.ts'
import { consumedValue, contentBytes, serve, text, turns } from '../../serve.ts'
import { members } from './members.ts'

interface Batch {
  firstOffset: bigint
  firstTimestamp: bigint
  records: {
    offsetDelta: number
    timestampDelta: bigint
    key: Buffer | null
    value: Buffer | null
    headers: [Buffer | null, Buffer | null][]
  }[]
}
interface Metadata {
  topics: Map<string, { id: string; partitionsCount: number; partitions: { leader: number }[] }>
}
interface Client {
  close(force?: boolean): Promise<void>
  metadata(options: object): Promise<Metadata>
}
interface Producer extends Client {
  send(options: object): Promise<{ offsets?: { offset: bigint }[] }>
}
interface Consumer extends Client {
  fetch(options: object): Promise<{ responses: { partitions: { errorCode: number; records?: Batch[] | null }[] }[] }>
  listOffsetsWithTimestamps(options: object): Promise<Map<string, Map<number, { offset: bigint }>>>
}
interface Admin extends Client {
  createTopics(options: object): Promise<unknown>
  deleteTopics(options: object): Promise<void>
  listTopics(): Promise<string[]>
  createPartitions(options: object): Promise<void>
  describeConfigs(options: object): Promise<{ configs: { name: string; value: string | null }[] }[]>
  incrementalAlterConfigs(options: object): Promise<void>
}
type Make<Kind> = new (options: object) => Kind
const library = (await import(pathToFileURL(requirePeer.resolve('@platformatic/kafka')).href)) as {
  Producer: Make<Producer>
  Consumer: Make<Consumer>
  Admin: Make<Admin>
}

const base = (bootstrap: string) => ({
  clientId: 'interop-platformatic',
  bootstrapBrokers: [bootstrap],
  retries: 5,
  retryDelay: 100,
})
const topicResource = 2

async function using<Kind extends Client, Result>(
  client: Kind,
  use: (client: Kind) => Promise<Result>,
): Promise<Result> {
  try {
    return await use(client)
  } finally {
    // An Admin takes no such argument, the others wait for what is under way without it.
    if (client instanceof library.Admin) await client.close()
    else await client.close(true)
  }
}
const withAdmin = <Result>(bootstrap: string, use: (admin: Admin) => Promise<Result>) =>
  using(new library.Admin(base(bootstrap)), use)
const withConsumer = <Result>(bootstrap: string, use: (consumer: Consumer) => Promise<Result>) =>
  using(new library.Consumer({ ...base(bootstrap), groupId: 'interop-unused' }), use)

await serve({
  ...members(library, base),
  produce: (bootstrap, request, sent) =>
    using(new library.Producer({ ...base(bootstrap), idempotent: request.idempotent }), async (producer) => {
      const offsets: (number | null)[] = []
      for (const [turn, records] of turns(request).entries()) {
        if (turn > 0) await sent()
        const messages = records.map((record) => {
          const headers = record.headers ?? []
          if (new Set(headers.map(([name]) => name)).size < headers.length) {
            throw new Unsupported('@platformatic/kafka takes headers as a map: no name twice')
          }
          return {
            topic: request.topic,
            partition: request.partition,
            key: record.key === null ? undefined : Buffer.from(record.key),
            value: contentBytes(record.value) ?? undefined,
            headers: new Map(headers.map(([name, value]) => [Buffer.from(name), contentBytes(value)])),
            timestamp: record.timestamp === undefined ? undefined : BigInt(record.timestamp),
          }
        })
        const answer = await producer.send({
          messages,
          acks: request.acks,
          compression: request.codec,
          idempotent: request.idempotent,
        })
        const first = answer.offsets?.[0]?.offset
        for (let i = 0; i < records.length; i++) offsets.push(first === undefined ? null : Number(first) + i)
      }
      return { offsets }
    }),
  consume: (bootstrap, request) =>
    withConsumer(bootstrap, async (consumer) => {
      const metadata = await consumer.metadata({ topics: [request.topic] })
      const topic = metadata.topics.get(request.topic)!
      const records: ConsumedRecord[] = []
      let offset = request.offset
      while (records.length < request.count) {
        const partition = {
          partition: request.partition,
          currentLeaderEpoch: -1,
          fetchOffset: BigInt(offset),
          lastFetchedEpoch: -1,
          partitionMaxBytes: 1 << 20,
        }
        const answer = await consumer.fetch({
          node: topic.partitions[request.partition]!.leader,
          topics: [{ topicId: topic.id, partitions: [partition] }],
          minBytes: 1,
          maxBytes: 1 << 20,
          maxWaitTime: 1000,
        })
        for (const batch of answer.responses[0]?.partitions[0]?.records ?? []) {
          for (const record of batch.records) {
            const at = Number(batch.firstOffset) + record.offsetDelta
            // A batch is fetched whole: what lies before the offset that was asked for is for the reader to skip.
            if (at < offset) continue
            offset = at + 1
            if (records.length === request.count) continue
            records.push({
              offset: at,
              timestamp: Number(batch.firstTimestamp + record.timestampDelta),
              key: text(record.key),
              value: consumedValue(record.value),
              headers: record.headers.map(([name, value]) => [text(name) ?? '', text(value)]),
            })
          }
        }
      }
      return { records }
    }),
  offsets: (bootstrap, { topic, partition, at }) =>
    withConsumer(bootstrap, async (consumer) => {
      const offsets: number[] = []
      for (const time of at) {
        const partitions = { [topic]: [partition] }
        const found = await consumer.listOffsetsWithTimestamps({ topics: [topic], partitions, timestamp: BigInt(time) })
        offsets.push(Number(found.get(topic)!.get(partition)!.offset))
      }
      return { offsets }
    }),
  createTopic: (bootstrap, { topic, partitions, configs }) =>
    withAdmin(bootstrap, async (admin) => {
      const entries = Object.entries(configs).map(([name, value]) => ({ name, value }))
      await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs: entries })
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
      const metadata = await admin.metadata({ topics: [topic], forceUpdate: true })
      return { partitions: metadata.topics.get(topic)!.partitionsCount }
    }),
  createPartitions: (bootstrap, { topic, total }) =>
    withAdmin(bootstrap, async (admin) => {
      await admin.createPartitions({ topics: [{ name: topic, count: total, assignments: null }] })
      return {}
    }),
  describeConfigs: (bootstrap, { topic, names }) =>
    withAdmin(bootstrap, async (admin) => {
      const resources = [{ resourceType: topicResource, resourceName: topic, configurationKeys: names }]
      const [found] = await admin.describeConfigs({ resources })
      return { configs: Object.fromEntries(found!.configs.map(({ name, value }) => [name, value ?? ''])) }
    }),
  alterConfigs: (bootstrap, { topic, set }) =>
    withAdmin(bootstrap, async (admin) => {
      const configs = Object.entries(set).map(([name, value]) => ({ name, value, configOperation: 0 }))
      await admin.incrementalAlterConfigs({
        resources: [{ resourceType: topicResource, resourceName: topic, configs }],
      })
      return {}
    }),
})
