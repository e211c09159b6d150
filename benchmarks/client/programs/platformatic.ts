/** @platformatic/kafka: a send for each record, and its stream. */
import { requirePeer } from '../../../tools/peers/node-clients.ts'
import { runProgram } from '../program.ts'

interface Library {
  Producer: new (options: object) => { send(options: object): Promise<unknown>; close(): Promise<void> }
  Consumer: new (
    options: object,
  ) => {
    consume(options: object): Promise<AsyncIterable<{ value: Buffer }> & { close(): Promise<void> }>
    close(force: boolean): Promise<void>
  }
}

const { Producer, Consumer } = requirePeer('@platformatic/kafka') as Library
const base = (bootstrap: string) => ({ clientId: 'bench', bootstrapBrokers: [bootstrap] })

await runProgram({
  async producer({ bootstrap, topic }) {
    const producer = new Producer(base(bootstrap))
    return {
      send: (value) => producer.send({ messages: [{ topic, value }], acks: -1 }),
      close: () => producer.close(),
    }
  },
  async consume({ bootstrap, topic }, onRecord, onReady) {
    const consumer = new Consumer({ ...base(bootstrap), groupId: `${topic}-platformatic` })
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: 5000 })
    onReady()
    for await (const { value } of stream) if (!onRecord(value)) break
    await consumer.close(true)
  },
})
