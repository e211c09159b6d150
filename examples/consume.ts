/**
 * Reads all orders that are there now, from every partition, and adds them up by customer.
 *
 *     npx node examples/consume.ts
 */
import { Kafka, serde } from '@ottla/client'

interface Order {
  readonly customer: string
  readonly amount: number
}

const kafka = new Kafka({ bootstrap: process.env.OTTLA_BOOTSTRAP ?? 'localhost:9092', clientId: 'example-consume' })
try {
  const ends = await kafka.admin.topicOffsets('orders', 'latest')
  // Without `until` the loop would go on with whatever comes; an offset or `{ timestamp }` as `from` starts elsewhere.
  const assign = ends.map(({ offset }, partition) => ({
    topic: 'orders',
    partition,
    from: 'earliest' as const,
    until: offset,
  }))
  const totals = new Map<string, number>()
  for await (const { value: order } of kafka.consumer({ assign, value: serde.json<Order>() })) {
    // A tombstone: nobody writes one here.
    if (order === null) continue
    const { customer, amount } = order
    totals.set(customer, (totals.get(customer) ?? 0) + amount)
  }
  for (const [customer, total] of [...totals].sort()) console.log(`${customer}: ${total}`)
} finally {
  await kafka.close()
}
