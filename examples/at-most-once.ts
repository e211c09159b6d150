/**
 * At most once: the offset is committed before the work is begun. If it dies in between, that order is never worked on; none is
 * worked on twice. For work that must not be repeated and may be missed, such as a notification.
 *
 *     npx node examples/at-most-once.ts
 */
import { Kafka } from '@ottla/client'

const kafka = new Kafka({ bootstrap: process.env.OTTLA_BOOTSTRAP ?? 'localhost:9092' })
// The instance's name lets it take up its partitions again at once when it was killed.
const consumer = kafka.consumer({
  group: 'notifier',
  topics: ['orders'],
  from: 'earliest',
  autoCommit: false,
  instanceId: 'notifier-1',
})
for await (const { partition, offset, value } of consumer) {
  await consumer.commit()
  // Committed: from here on it will not come again.
  console.log(`${partition}/${offset} ${value}`)
}
