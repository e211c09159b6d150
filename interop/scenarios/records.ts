/** Records as they are written, stored and read back. */
import assert from 'node:assert/strict'
import { type Codec, codecs, type Request } from '../contract.ts'
import { createTopic } from '../raw.ts'
import { assertRecords, numbered, partition, produceRequest, roundTrip, type Scenario } from './scenario.ts'

const codecScenario = (codec: Codec): Scenario => ({
  name: `codec-${codec}`,
  async run(context) {
    const { batches, reader } = await roundTrip(context, numbered(40), { codec })
    const stored = [...new Set(batches.map((batch) => codecs[batch.codec]!))]
    assert.deepEqual(stored, [codec], 'codec bits of the stored batches')
    return { stored, reader }
  },
})

const acksScenario = (name: string, acks: 0 | 1 | -1): Scenario => ({
  name: `acks-${name}`,
  async run(context) {
    const { reader } = await roundTrip(context, numbered(10), { acks })
    return { reader }
  },
})

const sizeScenario = (name: string, bytes: number, configs: Record<string, string>): Scenario => ({
  name,
  async run(context) {
    const records = [{ key: 'large', value: { bytes } }]
    const { reader } = await roundTrip(context, records, { acks: 1 }, configs)
    return { reader }
  },
})

/** Of times so long ago records would be gone with the next look for old ones. */
const kept = { 'retention.ms': '-1' }
const times = [1_700_000_000_000, 1_700_000_010_000, 1_700_000_020_000, 1_700_000_030_000]

const offsetsByTime: Scenario = {
  name: 'offsets-by-time',
  async run({ broker, client, helper, topic: name }) {
    const topic = name()
    await createTopic(broker.port, topic, 1, kept)
    for (const [i, timestamp] of times.entries()) {
      const records = [{ key: null, value: `at ${i}`, timestamp }]
      await helper.ask<'produce'>(broker.bootstrap, produceRequest(topic, records))
    }
    const at = [-2, -1, times[0]!, times[1]! + 1, times[3]!]
    const { offsets } = await client.ask<'offsets'>(broker.bootstrap, { op: 'offsets', topic, partition, at })
    assert.deepEqual(offsets, [0, times.length, 0, 2, 3])
    const after = await client.ask<'offsets'>(broker.bootstrap, {
      op: 'offsets',
      topic,
      partition,
      at: [times[3]! + 1],
    })
    // Where no record is so late, some clients say −1 and others the end.
    assert.ok(after.offsets[0] === -1 || after.offsets[0] === times.length, `after the last: ${after.offsets[0]}`)
    return { offsets, after: after.offsets[0]! }
  },
}

const assignment: Scenario = {
  name: 'assign-from-offset',
  async run({ broker, client, helper, topic: name }) {
    const topic = name()
    await createTopic(broker.port, topic, 3)
    const records = numbered(120)
    // Batches of 30, so that the offset asked for lies inside one.
    for (let i = 0; i < records.length; i += 30) {
      const part = produceRequest(topic, records.slice(i, i + 30), { codec: 'lz4', partition: 2 })
      await helper.ask<'produce'>(broker.bootstrap, part)
    }
    const request: Extract<Request, { op: 'consume' }> = { op: 'consume', topic, partition: 2, offset: 37, count: 80 }
    const { records: consumed } = await client.ask<'consume'>(broker.bootstrap, request)
    assertRecords(consumed, records.slice(37, 117), 37)
    return {}
  },
}

export const records: readonly Scenario[] = [
  ...codecs.map(codecScenario),
  acksScenario('0', 0),
  acksScenario('1', 1),
  acksScenario('all', -1),
  {
    name: 'idempotent',
    async run(context) {
      const { batches, reader } = await roundTrip(context, numbered(20), { idempotent: true })
      let sequence = 0
      for (const batch of batches) {
        assert.ok(batch.producerId >= 0n, 'a producer id in the batch')
        assert.equal(batch.baseSequence, sequence, 'the sequence')
        sequence += batch.records
      }
      return { reader }
    },
  },
  sizeScenario('record-1mb', 1_000_000, {}),
  sizeScenario('record-50mb', 50_000_000, { 'max.message.bytes': '60000000' }),
  {
    name: 'headers',
    async run(context) {
      const headers: [string, string][] = [
        ['trace', 'a1b2'],
        ['ünï', 'çødé'],
      ]
      const { reader } = await roundTrip(context, [{ key: 'k', value: 'v', headers }])
      return { reader }
    },
  },
  {
    name: 'headers-repeated',
    async run(context) {
      const headers: [string, string][] = [
        ['name', 'one'],
        ['name', 'two'],
      ]
      const { reader } = await roundTrip(context, [{ key: 'k', value: 'v', headers }])
      return { reader }
    },
  },
  {
    name: 'headers-null',
    async run(context) {
      const { reader } = await roundTrip(context, [{ key: 'k', value: 'v', headers: [['nothing', null]] }])
      return { reader }
    },
  },
  {
    name: 'nulls',
    async run(context) {
      const records = [
        { key: null, value: 'no key' },
        { key: 'no value', value: null },
      ]
      const { reader } = await roundTrip(context, records)
      return { reader }
    },
  },
  {
    name: 'null-key-and-value',
    async run(context) {
      const { reader } = await roundTrip(context, [{ key: null, value: null }])
      return { reader }
    },
  },
  {
    name: 'empty-key-and-value',
    async run(context) {
      const { reader } = await roundTrip(context, [{ key: '', value: '' }])
      return { reader }
    },
  },
  {
    name: 'timestamps',
    async run(context) {
      const records = times.map((timestamp, i) => ({ key: null, value: `at ${i}`, timestamp }))
      // Not in order, as the times of real events are.
      const shuffled = [records[2]!, records[0]!, records[3]!, records[1]!]
      const { consumed, reader } = await roundTrip(context, shuffled, {}, kept)
      assert.deepEqual(
        consumed.map(({ timestamp }) => timestamp),
        shuffled.map(({ timestamp }) => timestamp),
      )
      return { reader }
    },
  },
  offsetsByTime,
  assignment,
]
