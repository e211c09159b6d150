/**
 * Writes orders, each under its customer's key, so that one customer's orders stay in order.
 *
 *     npx node examples/produce.ts
 */
import { Kafka, serde } from '@ottla/client'

interface Order {
  readonly id: number
  readonly customer: string
  readonly amount: number
}

const kafka = new Kafka({ bootstrap: process.env.OTTLA_BOOTSTRAP ?? 'localhost:9092', clientId: 'example-produce' })
try {
  const producer = kafka.producer({ compression: 'lz4', key: serde.string, value: serde.json<Order>() })
  const orders: Order[] = Array.from({ length: 100 }, (_, id) => ({
    id,
    customer: `customer-${id % 7}`,
    amount: (id * 37) % 100,
  }))
  // Sends that are not awaited one by one travel together. Idempotent unless told otherwise: a retry writes nothing twice.
  const written = await Promise.all(
    orders.map((order) => producer.send('orders', { key: order.customer, value: order })),
  )
  const partitions = new Set(written.map(({ partition }) => partition))
  console.log(`wrote ${written.length} orders to ${partitions.size} partition(s)`)
} finally {
  await kafka.close()
}
