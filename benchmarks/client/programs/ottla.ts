/** @ottla/client with its defaults, as a newcomer writes it. */
import { Kafka } from '@ottla/client'
import { runProgram } from '../program.ts'

await runProgram({
  async producer({ bootstrap, topic }) {
    const kafka = new Kafka({ bootstrap })
    const producer = kafka.producer()
    return { send: (value) => producer.send(topic, { value }), close: () => kafka.close() }
  },
  async consume({ bootstrap, topic }, onRecord, onReady) {
    await using kafka = new Kafka({ bootstrap })
    const consumer = kafka.consumer({ group: `${topic}-ottla`, topics: [topic], from: 'earliest', onAssigned: onReady })
    for await (const { value } of consumer) if (!onRecord(value!)) break
  },
})
