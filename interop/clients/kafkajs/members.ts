/** Membership in groups and transactions of kafkajs; the program holds one member and one producer. */
import type { CommitRequest, JoinRequest, PolledRecord, TransactRequest } from '../../contract.ts'
import { Unsupported } from '../../contract.ts'
import { text } from '../../serve.ts'
import { Inbox } from '../inbox.ts'

interface Join {
  payload: { memberAssignment: Record<string, number[]> }
}
interface Consumer {
  events: { GROUP_JOIN: string; REBALANCING: string; CRASH: string }
  on(event: string, listener: (event: Join & { payload: { error: Error; restart: boolean } }) => void): void
  connect(): Promise<void>
  disconnect(): Promise<void>
  subscribe(options: object): Promise<void>
  run(options: object): Promise<void>
  commitOffsets(offsets: { topic: string; partition: number; offset: string }[]): Promise<void>
}
interface Transaction {
  sendBatch(batch: object): Promise<unknown>
  sendOffsets(offsets: object): Promise<void>
  commit(): Promise<void>
  abort(): Promise<void>
}
interface Producer {
  connect(): Promise<void>
  transaction(): Promise<Transaction>
}
export interface Groups {
  consumer(options: object): Consumer
  producer(options: object): Producer
}
interface Message {
  topic: string
  partition: number
  message: { offset: string; value: Buffer | null }
}

export function members(kafka: (bootstrap: string) => Groups) {
  let consumer: Consumer | undefined
  let group = ''
  let inbox = new Inbox(1)
  let producer: { id: string; producer: Producer } | undefined
  let transaction: Transaction | undefined

  return {
    async join(bootstrap: string, request: JoinRequest) {
      if (request.protocol === 'consumer') throw new Unsupported('kafkajs speaks the classic protocol only')
      if (request.assignor === 'cooperative') throw new Unsupported('kafkajs has no cooperative assignor')
      if (request.instanceId !== null) throw new Unsupported('kafkajs has no static members')
      group = request.group
      const member = kafka(bootstrap).consumer({
        groupId: group,
        sessionTimeout: request.sessionTimeoutMs,
        heartbeatInterval: request.sessionTimeoutMs / 10,
        rebalanceTimeout: 10_000,
        maxWaitTimeInMs: 100,
        metadataMaxAge: 1000,
        readUncommitted: request.isolation === 'read_uncommitted',
        allowAutoTopicCreation: false,
      })
      const own = new Inbox(request.maxPollRecords)
      member.on(member.events.GROUP_JOIN, ({ payload }) => {
        const names = Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) =>
          partitions.map((partition) => `${topic}-${partition}`),
        )
        own.assign(names)
      })
      member.on(member.events.REBALANCING, () => own.assign([], false))
      member.on(member.events.CRASH, ({ payload }) => {
        if (!payload.restart) own.fail(payload.error)
      })
      await member.connect()
      const topics = request.pattern === null ? request.topics : [new RegExp(`^${request.pattern}$`)]
      await member.subscribe({ topics, fromBeginning: true })
      await member.run({
        autoCommit: request.autoCommitMs !== null,
        autoCommitInterval: request.autoCommitMs,
        eachMessage: ({ topic, partition, message }: Message) =>
          own.take({ topic, partition, offset: Number(message.offset), value: text(message.value) }),
      })
      inbox = own
      consumer = member
      return {}
    },
    poll: () => inbox.poll(),
    async commit(_bootstrap: string, request: CommitRequest) {
      if (request.async) throw new Unsupported('kafkajs answers a commit with a promise, not a call')
      const offsets = request.offsets ?? inbox.polled()
      await consumer!.commitOffsets(offsets.map((one) => ({ ...one, offset: String(one.offset) })))
      return {}
    },
    async leave() {
      const leaving = consumer
      consumer = undefined
      inbox.close()
      await leaving?.disconnect()
      return {}
    },
    async transact(bootstrap: string, request: TransactRequest) {
      if (producer?.id !== request.transactionalId) {
        const options = { transactionalId: request.transactionalId, idempotent: true, maxInFlightRequests: 1 }
        producer = { id: request.transactionalId, producer: kafka(bootstrap).producer(options) }
        transaction = undefined
        await producer.producer.connect()
      }
      transaction ??= await producer.producer.transaction()
      if (request.records.length > 0) await transaction.sendBatch({ topicMessages: byTopic(request.records) })
      if (request.offsets)
        await transaction.sendOffsets({ consumerGroupId: group, topics: offsetsByTopic(inbox.polled()) })
      if (request.end === 'open') return {}
      const ending = transaction
      transaction = undefined
      if (request.end === 'commit') await ending.commit()
      else await ending.abort()
      return {}
    },
  }
}

function byTopic(records: TransactRequest['records']) {
  return [...Map.groupBy(records, ({ topic }) => topic)].map(([topic, some]) => ({
    topic,
    messages: some.map(({ partition, value }) => ({ partition, value })),
  }))
}

function offsetsByTopic(offsets: Omit<PolledRecord, 'value'>[]) {
  return [...Map.groupBy(offsets, ({ topic }) => topic)].map(([topic, some]) => ({
    topic,
    partitions: some.map(({ partition, offset }) => ({ partition, offset: String(offset) })),
  }))
}
