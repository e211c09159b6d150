/**
 * Makes a compacted topic, changes its configuration, and shows what became of both.
 *
 *     npx node examples/admin.ts
 */
import { Kafka } from '@ottla/client'

const kafka = new Kafka({ bootstrap: process.env.OTTLA_BOOTSTRAP ?? 'localhost:9092', clientId: 'example-admin' })
try {
  const { admin } = kafka
  // Every item of a call has a result of its own: one that fails does not stop the others.
  const [made] = await admin.createTopics([
    { name: 'prices', partitions: 3, configs: { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.1' } },
  ])
  if (made.error !== null && made.error.code !== 'TOPIC_ALREADY_EXISTS') throw made.error

  const topic = { type: 'topic', name: 'prices' } as const
  const [changed] = await admin.alterConfigs([
    { ...topic, changes: [{ name: 'max.message.bytes', op: 'set', value: '2000000' }] },
  ])
  if (changed.error !== null) throw changed.error

  const [described] = await admin.describeConfigs([topic])
  for (const { name, value, source } of described.entries) if (source === 'topic') console.log(`${name}=${value}`)
  for (const { name, partitions } of await admin.listTopics()) console.log(`${name}: ${partitions} partition(s)`)
} finally {
  await kafka.close()
}
