/** What each scenario does and what must come of it. A failed expectation is an exception. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunningBroker } from '../tools/peers/running-broker.ts'
import {
  type Codec,
  type ConsumedRecord,
  codecs,
  type ProducedRecord,
  type ProduceRequest,
  type Request,
  Unsupported,
} from './contract.ts'
import type { FrameProxy } from './frame-proxy.ts'
import type { Program } from './program.ts'
import { createTopic, endOffset, type StoredBatch, storedBatches, waitForEndOffset } from './raw.ts'
import { contentBytes } from './serve.ts'

export interface ScenarioContext {
  broker: RunningBroker
  client: Program
  /** A client that can do everything, for what the scenario needs besides the client under test. */
  helper: Program
  /** A listener of the same broker behind it, advertised by its port. */
  proxy: FrameProxy
  /** A new name for a topic. */
  topic(): string
}

/** What a passed scenario leaves for comparison between brokers: no time, no address. */
export type Facts = Record<string, string | number | boolean | (string | number)[]>

export interface Scenario {
  name: string
  run(context: ScenarioContext): Promise<Facts>
}

const partition = 0

function produceRequest(topic: string, records: ProducedRecord[], more: Partial<ProduceRequest> = {}): ProduceRequest {
  return { op: 'produce', topic, partition, codec: 'none', acks: -1, idempotent: false, records, ...more }
}

const numbered = (count: number): ProducedRecord[] =>
  Array.from({ length: count }, (_, i) => ({ key: `key-${i}`, value: `value ${i} ${'abcdefgh'.repeat(20)}` }))

/** Reads with the client under test, or with the helper where it cannot consume by assignment. */
async function readBack(context: ScenarioContext, topic: string, offset: number, count: number) {
  const request: Extract<Request, { op: 'consume' }> = { op: 'consume', topic, partition, offset, count }
  try {
    return { reader: 'itself', ...(await context.client.ask<'consume'>(context.broker.bootstrap, request)) }
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error
    return { reader: 'franz-go', ...(await context.helper.ask<'consume'>(context.broker.bootstrap, request)) }
  }
}

function asConsumed(record: ProducedRecord): Pick<ConsumedRecord, 'key' | 'value' | 'headers'> {
  const bytes = contentBytes(record.value)
  const value =
    bytes === null || bytes.length <= 4096
      ? (bytes?.toString() ?? null)
      : { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
  return { key: record.key, value, headers: record.headers ?? [] }
}

/** The records came back once each, in order, from `first` on. */
function assertRecords(consumed: ConsumedRecord[], produced: ProducedRecord[], first = 0): void {
  assert.deepEqual(
    consumed.map(({ key, value, headers }) => ({ key, value, headers })),
    produced.map(asConsumed),
  )
  assert.deepEqual(
    consumed.map(({ offset }) => offset),
    produced.map((_, i) => first + i),
  )
}

function assertOffsets(offsets: (number | null)[], first = 0): void {
  // A client that does not tell offsets says null.
  for (const [i, offset] of offsets.entries()) if (offset !== null) assert.equal(offset, first + i)
}

/** Produces, reads back, compares; returns what is stored. */
async function roundTrip(
  context: ScenarioContext,
  records: ProducedRecord[],
  more: Partial<ProduceRequest> = {},
  configs: Record<string, string> = {},
): Promise<{ topic: string; batches: StoredBatch[]; consumed: ConsumedRecord[]; reader: string }> {
  const { broker, client } = context
  const topic = context.topic()
  await createTopic(broker.port, topic, 1, configs)
  const produced = await client.ask<'produce'>(broker.bootstrap, produceRequest(topic, records, more))
  assertOffsets(produced.offsets)
  await waitForEndOffset(broker.port, topic, partition, records.length)
  const { records: consumed, reader } = await readBack(context, topic, 0, records.length)
  assertRecords(consumed, records)
  const batches = await storedBatches(broker.port, topic, partition)
  const stored = batches.reduce((sum, batch) => sum + batch.records, 0)
  assert.equal(stored, records.length, 'records in the stored batches')
  return { topic, batches, consumed, reader }
}

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

/** A proxy cuts the connection after the append and before the answer. */
const lostResponse = (name: string, more: Partial<ProduceRequest>, copies: number): Scenario => ({
  name: `lost-response-${name}`,
  async run(context) {
    const { broker, client, proxy } = context
    const topic = context.topic()
    await createTopic(broker.port, topic, 1)
    const cut = proxy.arm({ at: 'response' })
    const records = [{ key: 'once', value: 'lost response' }]
    try {
      await client.ask<'produce'>(`localhost:${proxy.port}`, produceRequest(topic, records, more))
    } finally {
      proxy.disarm()
    }
    await Promise.race([cut, delay(1000).then(() => assert.fail('the proxy saw no Produce request'))])
    assert.equal(await endOffset(broker.port, topic, partition), copies, 'copies in the log')
    return { copies }
  },
})

const lostConnectionAcks0: Scenario = {
  name: 'lost-response-acks-0',
  async run(context) {
    const { broker, client, proxy, helper } = context
    const topic = context.topic()
    await createTopic(broker.port, topic, 1)
    const appended = async () => void (await waitForEndOffset(broker.port, topic, partition, 1))
    const cut = proxy.arm({ at: 'append', appended })
    const records = [{ key: 'first', value: 'before the cut' }]
    const then = [{ key: 'second', value: 'after the cut' }]
    const request = produceRequest(topic, records, { acks: 0, then })
    try {
      await client.ask<'produce'>(`localhost:${proxy.port}`, request, () => cut)
    } finally {
      proxy.disarm()
    }
    // The second record may be lost on the dead connection: that is what acks=0 means.
    const count = await endOffset(broker.port, topic, partition)
    const read: Extract<Request, { op: 'consume' }> = { op: 'consume', topic, partition, offset: 0, count }
    const { records: stored } = await helper.ask<'consume'>(broker.bootstrap, read)
    const copies = (key: string) => stored.filter((record) => record.key === key).length
    assert.equal(copies('first'), 1, 'copies of the record before the cut')
    assert.ok(copies('second') <= 1, 'copies of the record after the cut')
    return { copies: 1 }
  },
}

const times = [1_700_000_000_000, 1_700_000_010_000, 1_700_000_020_000, 1_700_000_030_000]

const offsetsByTime: Scenario = {
  name: 'offsets-by-time',
  async run({ broker, client, helper, topic: name }) {
    const topic = name()
    await createTopic(broker.port, topic, 1)
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

/** Runs a step; where the client has no such function it is listed instead. */
async function step<Result>(missing: string[], name: string, act: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof Unsupported)) throw new Error(`${name}: ${(error as Error).message}`)
    missing.push(name)
    return undefined
  }
}

/** Changes to metadata may take a moment until every request sees them. */
async function eventually<Result>(act: () => Promise<Result>, good: (result: Result) => boolean): Promise<Result> {
  const until = performance.now() + 10_000
  for (;;) {
    const result = await act()
    if (good(result) || performance.now() > until) return result
    await delay(20)
  }
}

const admin: Scenario = {
  name: 'admin',
  async run({ broker, client, topic: name }) {
    const { bootstrap, port } = broker
    const topic = name()
    const missing: string[] = []
    const configs = { 'retention.ms': '3600000', 'cleanup.policy': 'compact' }
    const created = await step(missing, 'createTopic', () =>
      client.ask<'createTopic'>(bootstrap, { op: 'createTopic', topic, partitions: 3, configs }),
    )
    if (created === undefined) await createTopic(port, topic, 3, configs)
    const describe = () => client.ask<'describeTopic'>(bootstrap, { op: 'describeTopic', topic })
    const described = await step(missing, 'describeTopic', () => eventually(describe, (one) => one.partitions === 3))
    if (described !== undefined) assert.equal(described.partitions, 3, 'partitions after createTopic')
    const names = ['retention.ms', 'cleanup.policy', 'max.message.bytes']
    const configured = await step(missing, 'describeConfigs', () =>
      client.ask<'describeConfigs'>(bootstrap, { op: 'describeConfigs', topic, names }),
    )
    if (configured !== undefined) {
      assert.deepEqual(configured.configs, { ...configs, 'max.message.bytes': '1048588' }, 'configs after createTopic')
    }
    const set = { 'retention.ms': '7200000' }
    const altered = await step(missing, 'alterConfigs', () =>
      client.ask<'alterConfigs'>(bootstrap, { op: 'alterConfigs', topic, set }),
    )
    if (altered !== undefined && configured !== undefined) {
      const read = () =>
        client.ask<'describeConfigs'>(bootstrap, { op: 'describeConfigs', topic, names: Object.keys(set) })
      const now = await eventually(read, (one) => one.configs['retention.ms'] === set['retention.ms'])
      assert.deepEqual(now.configs, set, 'configs after alterConfigs')
    }
    const added = await step(missing, 'createPartitions', () =>
      client.ask<'createPartitions'>(bootstrap, { op: 'createPartitions', topic, total: 5 }),
    )
    if (added !== undefined && described !== undefined) {
      const now = await eventually(describe, (one) => one.partitions === 5)
      assert.equal(now.partitions, 5, 'partitions after createPartitions')
    }
    const listed = await step(missing, 'listTopics', () => client.ask<'listTopics'>(bootstrap, { op: 'listTopics' }))
    if (listed !== undefined) assert.ok(listed.topics.includes(topic), 'the new topic in the list')
    const deleted = await step(missing, 'deleteTopic', () =>
      client.ask<'deleteTopic'>(bootstrap, { op: 'deleteTopic', topic }),
    )
    if (deleted !== undefined && listed !== undefined) {
      const read = () => client.ask<'listTopics'>(bootstrap, { op: 'listTopics' })
      const now = await eventually(read, (one) => !one.topics.includes(topic))
      assert.ok(!now.topics.includes(topic), 'the deleted topic in the list')
    }
    return missing.length > 0 ? ({ 'not in this client': missing } as Facts) : {}
  },
}

export const scenarios: readonly Scenario[] = [
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
      const { consumed, reader } = await roundTrip(context, shuffled)
      assert.deepEqual(
        consumed.map(({ timestamp }) => timestamp),
        shuffled.map(({ timestamp }) => timestamp),
      )
      return { reader }
    },
  },
  offsetsByTime,
  assignment,
  admin,
  lostResponse('idempotent', { idempotent: true, acks: -1 }, 1),
  lostResponse('plain', { idempotent: false, acks: 1 }, 2),
  lostConnectionAcks0,
]
