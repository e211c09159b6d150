import { startBroker } from 'ottla'
import { afterEach, expect, test, vi } from 'vitest'
import { roundTrip } from '../round-trip.mjs'

afterEach(() => vi.useRealTimers())

test('a round trip', () => roundTrip(startBroker))

test('with fake timers installed first', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'Date', 'performance'] })
  await roundTrip(startBroker)
})

test('with fake timers installed while the broker runs', async () => {
  const broker = await startBroker()
  vi.useFakeTimers()
  const kafka = await broker.kafka()
  const producer = kafka.producer()
  expect((await producer.send('t', { value: 'v' })).offset).toBe(0)
  await broker.close()
})
