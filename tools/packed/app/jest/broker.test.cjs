const { startBroker } = require('ottla')

async function produceAndConsume(broker) {
  const kafka = await broker.kafka()
  const producer = kafka.producer({ compression: 'lz4' })
  expect((await producer.send('t', { key: new Uint8Array([1]), value: Buffer.from('v') })).offset).toBe(0)
  const read = []
  for await (const record of kafka.consumer({ assign: [{ topic: 't', until: 1 }] })) read.push(record.value.toString())
  expect(read).toEqual(['v'])
}

afterEach(() => jest.useRealTimers())

test('a round trip', async () => {
  const broker = await startBroker()
  await produceAndConsume(broker)
  await broker.close()
})

test('with fake timers installed first', async () => {
  jest.useFakeTimers()
  const broker = await startBroker({ records: { seeded: [{ value: 'x' }] } })
  await produceAndConsume(broker)
  await broker.waitFor({ topic: 'seeded', records: 1 })
  await broker.restart()
  await broker.close()
})

test('with fake timers installed while the broker runs', async () => {
  const broker = await startBroker({ topics: ['t'] })
  jest.useFakeTimers()
  await produceAndConsume(broker)
  await broker.close()
})
