/**
 * A test with a broker of its own, in the test's process: what you copy into your project.
 *
 *     npx node --test examples/orders.test.ts
 */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { Kafka } from '@ottla/client'
import { startBroker, type TestBroker } from 'ottla'

let broker: TestBroker
let kafka: Kafka

beforeEach(async () => {
  broker = await startBroker({ topics: { orders: { partitions: 3 } } })
  kafka = new Kafka({ bootstrap: broker.bootstrap })
})

afterEach(async () => {
  await kafka.close()
  await broker.close()
})

/** The code under test. */
async function placeOrder(id: number): Promise<void> {
  await kafka.producer().send('orders', { key: `order-${id}`, value: JSON.stringify({ id }) })
}

test('an order is written', async () => {
  await placeOrder(1)
  await broker.waitFor({ topic: 'orders', records: 1 })
})

test('an order whose answer is lost on the way is written once all the same', async () => {
  const dropped = broker.intercept('Produce', { action: 'drop', when: 'after' })
  await placeOrder(2)
  await dropped
  const ends = await kafka.admin.topicOffsets('orders', 'latest')
  assert.equal(
    ends.reduce((sum, { offset }) => sum + offset, 0),
    1,
  )
})

test('an order survives a broker that is killed', async () => {
  await placeOrder(3)
  await broker.kill()
  await broker.restart()
  await broker.waitFor({ topic: 'orders', records: 1 })
})
