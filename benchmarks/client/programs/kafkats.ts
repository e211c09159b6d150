/** @kafkats/client: its send gathers batches by itself. */
import { requirePeer } from '../../../tools/peers/node-clients.ts'
import { runProgram } from '../program.ts'

interface Library {
  KafkaClient: new (
    options: object,
  ) => {
    connect(): Promise<void>
    disconnect(): Promise<void>
    producer(options: object): {
      connect?(): Promise<void>
      send(topic: string, message: { value: Buffer }): Promise<unknown>
      disconnect(): Promise<void>
    }
    consumer(options: object): {
      on(event: string, listener: () => void): void
      runEach(
        topic: string,
        handler: (message: { value: Buffer }) => Promise<void>,
        options: { signal: AbortSignal },
      ): Promise<void>
    }
  }
}

const { KafkaClient } = requirePeer('@kafkats/client') as Library
const client = (bootstrap: string) => new KafkaClient({ brokers: [bootstrap], clientId: 'bench', logLevel: 'error' })

await runProgram({
  async producer({ bootstrap, topic }) {
    const kafka = client(bootstrap)
    await kafka.connect()
    const producer = kafka.producer({})
    return { send: (value) => producer.send(topic, { value }), close: () => kafka.disconnect() }
  },
  async consume({ bootstrap, topic }, onRecord, onReady) {
    const kafka = client(bootstrap)
    await kafka.connect()
    const consumer = kafka.consumer({ groupId: `${topic}-kafkats`, autoOffsetReset: 'earliest' })
    const ending = new AbortController()
    consumer.on('partitionsAssigned', onReady)
    const handler = async ({ value }: { value: Buffer }) => {
      if (!ending.signal.aborted && !onRecord(value)) ending.abort()
    }
    await consumer.runEach(topic, handler, { signal: ending.signal })
    await kafka.disconnect()
  },
})
