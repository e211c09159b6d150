/**
 * At least once: an order is worked on, then its offset is committed. If it dies in between, that order comes again; none is
 * missed. Four ways of committing, which differ in what they cost and in how much comes again:
 *
 *     npx node examples/at-least-once.ts auto     every 5 seconds, when partitions move, and at the end
 *     npx node examples/at-least-once.ts sync     after each order, waiting for the answer
 *     npx node examples/at-least-once.ts async    after each order, without waiting; failures are told
 *     npx node examples/at-least-once.ts mixed    without waiting, and waiting for every tenth
 */
import { Kafka } from '@ottla/client'

const way = process.argv[2] ?? 'auto'
const kafka = new Kafka({ bootstrap: process.env.OTTLA_BOOTSTRAP ?? 'localhost:9092' })
const consumer = kafka.consumer({
  group: `billing-${way}`,
  topics: ['orders'],
  from: 'earliest',
  autoCommit: way === 'auto',
  instanceId: `billing-${way}-1`,
})
let count = 0
for await (const { partition, offset, value } of consumer) {
  // The work. It may be done twice, so give it the same outcome twice.
  console.log(`${partition}/${offset} ${value}`)
  count++
  if (way === 'sync' || (way === 'mixed' && count % 10 === 0)) await consumer.commit()
  else if (way !== 'auto') {
    consumer.commitAsync((error) => {
      // A later commit says what this one was to say.
      if (error !== null) console.error(`a commit failed: ${error.message}`)
    })
  }
}
