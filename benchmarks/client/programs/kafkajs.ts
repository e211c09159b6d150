/** kafkajs: its send is a request for each call. It reads by record, or faster by batch, as the second argument says. */
import { requirePeer } from '../../../tools/peers/node-clients.ts'
import { runProgram } from '../program.ts'

interface Message {
  readonly value: Buffer
}
interface Library {
  readonly logLevel: { readonly ERROR: number }
  Kafka: new (
    options: object,
  ) => {
    producer(): {
      connect(): Promise<void>
      send(record: object): Promise<unknown>
      disconnect(): Promise<void>
    }
    consumer(options: object): {
      readonly events: { readonly GROUP_JOIN: string }
      on(event: string, listener: () => void): void
      connect(): Promise<void>
      subscribe(options: object): Promise<void>
      run(options: {
        eachMessage?: (payload: { message: Message }) => Promise<void>
        eachBatch?: (payload: { batch: { readonly messages: readonly Message[] } }) => Promise<void>
      }): Promise<void>
      disconnect(): Promise<void>
    }
  }
}

const { Kafka, logLevel } = requirePeer('kafkajs') as Library
const client = (bootstrap: string) => new Kafka({ brokers: [bootstrap], clientId: 'bench', logLevel: logLevel.ERROR })

await runProgram({
  async producer({ bootstrap, topic }) {
    const producer = client(bootstrap).producer()
    await producer.connect()
    return {
      send: (value) => producer.send({ topic, messages: [{ value }] }),
      close: () => producer.disconnect(),
    }
  },
  async consume({ bootstrap, topic }, onRecord, onReady) {
    const consumer = client(bootstrap).consumer({ groupId: `${topic}-kafkajs` })
    const done = Promise.withResolvers<void>()
    consumer.on(consumer.events.GROUP_JOIN, onReady)
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const handle = ({ value }: Message): boolean => {
      const goesOn = onRecord(value)
      if (!goesOn) done.resolve()
      return goesOn
    }
    if (process.argv[3] === 'batch') {
      await consumer.run({ eachBatch: async ({ batch }) => void batch.messages.every(handle) })
    } else {
      await consumer.run({ eachMessage: async ({ message }) => void handle(message) })
    }
    await done.promise
    await consumer.disconnect()
  },
})
