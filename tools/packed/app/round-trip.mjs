// What every form of the package must do: a broker in this process, records in with each codec, the same records out.
import assert from 'node:assert/strict'

export async function roundTrip(startBroker) {
  const broker = await startBroker({
    topics: { orders: { partitions: 3 } },
    records: { greetings: [{ key: 'a', value: 'hello' }, { value: null }] },
  })
  try {
    const kafka = await broker.kafka()
    const values = new Set()
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      const producer = kafka.producer({ compression })
      const value = `${compression} `.repeat(300)
      values.add(value)
      const { offset } = await producer.send('orders', { partition: 0, key: compression, value })
      assert.equal(offset, values.size - 1)
      await producer.close()
    }
    const assign = [{ topic: 'orders', partition: 0, from: 'earliest', until: values.size }]
    for await (const record of kafka.consumer({ assign })) assert.ok(values.delete(record.value.toString()))
    assert.equal(values.size, 0)
    await broker.waitFor({ topic: 'greetings', records: 2 })
    await broker.restart()
    const ends = await (await broker.admin()).topicOffsets('greetings', 'latest')
    assert.equal(
      ends.reduce((sum, { offset }) => sum + offset, 0),
      2,
    )
  } finally {
    await broker.close()
  }
}
