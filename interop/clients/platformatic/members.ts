/** Membership in groups of @platformatic/kafka; the program holds one member. */
import type { CommitRequest, JoinRequest } from '../../contract.ts'
import { Unsupported } from '../../contract.ts'
import { text } from '../../serve.ts'
import { Inbox } from '../inbox.ts'

interface Message {
  topic: string
  partition: number
  offset: bigint
  value: Buffer | null
}
interface Stream extends AsyncIterable<Message> {
  close(): Promise<void>
  on(event: 'error', listener: (error: Error) => void): void
}
interface Assignment {
  topic: string
  partitions: number[]
}
interface Consumer {
  assignments: Assignment[] | null
  on(event: 'consumer:group:join', listener: (payload: { assignments?: Assignment[] }) => void): void
  consume(options: object): Promise<Stream>
  commit(options: object): Promise<void>
  close(force?: boolean): Promise<void>
}
type Make<Kind> = new (options: object) => Kind

function assign(inbox: Inbox, assignments: Assignment[] | null | undefined): void {
  const now = (assignments ?? []).flatMap(({ topic, partitions }) => partitions.map((one) => `${topic}-${one}`))
  const { held } = inbox
  if (now.length !== held.length || now.some((name) => !held.includes(name))) inbox.assign(now)
}

export function members(library: { Consumer: Make<unknown> }, base: (bootstrap: string) => object) {
  let consumer: Consumer | undefined
  let stream: Stream | undefined
  let nextGeneration = false
  let inbox = new Inbox(1)

  async function read(from: Stream, into: Inbox): Promise<void> {
    for await (const message of from) {
      const { topic, partition, offset, value } = message
      await into.take({ topic, partition, offset: Number(offset), value: text(value) })
    }
  }

  return {
    async join(bootstrap: string, request: JoinRequest) {
      if (request.pattern !== null) throw new Unsupported('@platformatic/kafka subscribes by name only')
      const { sessionTimeoutMs } = request
      const classic = {
        sessionTimeout: sessionTimeoutMs,
        heartbeatInterval: sessionTimeoutMs / 10,
        rebalanceTimeout: Math.max(10_000, sessionTimeoutMs),
      }
      const cooperative = { protocols: [{ name: 'cooperative-sticky', version: 1 }] }
      const options = {
        ...base(bootstrap),
        // It takes a coordinator that is still loading for an error like others.
        retries: 50,
        groupId: request.group,
        groupProtocol: request.protocol,
        ...(request.instanceId === null ? {} : { groupInstanceId: request.instanceId }),
        ...(request.protocol === 'classic' ? classic : {}),
        ...(request.protocol === 'classic' && request.assignor === 'cooperative' ? cooperative : {}),
      }
      const member = new library.Consumer(options) as Consumer
      const own = new Inbox(request.maxPollRecords)
      // With KIP-848 no event tells of assignments.
      nextGeneration = request.protocol === 'consumer'
      if (!nextGeneration) member.on('consumer:group:join', ({ assignments }) => assign(own, assignments))
      stream = await member.consume({
        topics: request.topics,
        autocommit: request.autoCommitMs ?? false,
        mode: 'committed',
        fallbackMode: 'earliest',
        maxWaitTime: 100,
        isolationLevel: request.isolation === 'read_committed' ? 1 : 0,
      })
      stream.on('error', (error) => own.fail(error))
      read(stream, own).catch((error: Error) => own.fail(error))
      inbox = own
      consumer = member
      return {}
    },
    poll() {
      if (nextGeneration) assign(inbox, consumer?.assignments)
      return inbox.poll()
    },
    async commit(_bootstrap: string, request: CommitRequest) {
      if (request.async)
        throw new Unsupported('@platformatic/kafka answers a commit with a promise or one call, not later')
      const offsets = request.offsets ?? inbox.polled()
      await consumer!.commit({
        offsets: offsets.map((one) => ({ ...one, offset: BigInt(one.offset), leaderEpoch: -1 })),
      })
      return {}
    },
    async leave() {
      const leaving = consumer
      consumer = undefined
      inbox.close()
      await stream?.close()
      await leaving?.close()
      return {}
    },
    async transact(): Promise<never> {
      throw new Unsupported('@platformatic/kafka gives up where the broker does not let it begin a transaction yet')
    },
  }
}
