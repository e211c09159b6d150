/**
 * Exactly once inside Kafka: what is read, what is written and how far has been read are one transaction. Whoever reads the topic
 * `invoices` with `read_committed` finds one invoice for each order, whatever dies when.
 *
 *     npx node examples/exactly-once.ts
 */
import { Kafka } from '@ottla/client'

const kafka = new Kafka({ bootstrap: process.env.OTTLA_BOOTSTRAP ?? 'localhost:9092' })
// One transactional id for each member that may run at the same time: a second one of that name fences the first.
const producer = kafka.producer({ transactionalId: 'invoicer-1' })
// Ends what the one before has left open, before anything is read.
await producer.init()
const consumer = kafka.consumer({
  group: 'invoicer',
  topics: ['orders'],
  from: 'earliest',
  autoCommit: false,
  isolation: 'read_committed',
  instanceId: 'invoicer-1',
})
for await (const batch of consumer.batches()) {
  await producer.transaction(async (transaction) => {
    for (const { value } of batch) void transaction.send('invoices', { value: `invoice for ${value}` })
    await transaction.sendOffsets(consumer)
  })
  console.log(`invoiced ${batch.topic}-${batch.partition} up to ${batch.lastOffset}`)
}
