/** Settings of the logs and their upkeep, each by what it does through a running broker whose time the test moves. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { DescribeProducersRequest, DescribeProducersResponse } from '@ottla/protocol'
import { RecordBatchBuilder, readBatches } from '@ottla/protocol/records'
import { memoryFileSystem } from '@ottla/runtime/node'
import type { RawClient } from '@ottla/testkit'
import { createTopic, produceTo } from './support/admin.ts'
import { batchOf } from './support/batches.ts'
import {
  alterConfig,
  BROKER_RESOURCE,
  readText,
  segmentsOf,
  startOffset,
  storedBatches,
  turns,
} from './support/effects.ts'
import { ManualTime } from './support/manual-time.ts'
import { startBroker } from './support/start.ts'

type Config = Readonly<Record<string, string | number | boolean>>

const HOUR_MS = 3_600_000

async function start(t: TestContext, config: Config) {
  const time = new ManualTime()
  const fs = memoryFileSystem()
  const started = await startBroker(t, { time, fs, config: { 'connections.max.idle.ms': -1, ...config } })
  const client = await started.connect()
  /** Lets time pass, and then whatever was due have its turns. */
  const pass = async (ms: number) => {
    time.advance(ms)
    await turns()
  }
  return { ...started, client, fs, time, pass }
}

/** One record at the time of the test. */
async function produceNow(client: RawClient, topic: string, time: ManualTime): Promise<void> {
  assert.equal((await produceTo(client, topic, batchOf(['v'], { timestampMs: time.nowMs() }))).errorCode, 0)
}

test('log.retention.check.interval.ms is the time between two looks, log.initial.task.delay.ms that before the first', async (t) => {
  const config = { 'log.initial.task.delay.ms': 50_000, 'log.retention.check.interval.ms': 7000 }
  const { client, time, pass } = await start(t, config)
  await createTopic(client, 'orders', 1, { 'retention.ms': '1' })
  await produceNow(client, 'orders', time)
  await pass(49_999)
  assert.equal(await startOffset(client, 'orders'), 0)
  await pass(1)
  assert.equal(await startOffset(client, 'orders'), 1)
  await produceNow(client, 'orders', time)
  await pass(6999)
  assert.equal(await startOffset(client, 'orders'), 1)
  await pass(1)
  assert.equal(await startOffset(client, 'orders'), 2)
})

test('log.flush.offset.checkpoint.interval.ms is the time between two checkpoints', async (t) => {
  const config = { 'log.initial.task.delay.ms': 20_000, 'log.flush.offset.checkpoint.interval.ms': 7000 }
  const { client, fs, time, pass } = await start(t, config)
  const path = '/data/replication-offset-checkpoint'
  await createTopic(client, 'orders')
  await produceNow(client, 'orders', time)
  await pass(19_999)
  assert.equal(fs.exists(path), false)
  await pass(1)
  assert.match(readText(fs, path), /^orders 0 1$/m)
  await produceNow(client, 'orders', time)
  await pass(6999)
  assert.match(readText(fs, path), /^orders 0 1$/m)
  await pass(1)
  assert.match(readText(fs, path), /^orders 0 2$/m)
})

/** A record for each of the keys, each in a batch and a segment of its own. */
async function produceKeys(client: RawClient, topic: string, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const builder = new RecordBatchBuilder()
    builder.append(Buffer.from(key), Buffer.from('value'), [], 1_700_000_000_000)
    assert.equal((await produceTo(client, topic, builder.build())).errorCode, 0)
  }
}

async function offsetsOf(client: RawClient, topic: string): Promise<number[]> {
  const offsets: number[] = []
  for (const batch of readBatches(await storedBatches(client, topic)))
    for (const { offset } of batch.records()) offsets.push(offset)
  return offsets
}

const COMPACTED = { 'cleanup.policy': 'compact', 'segment.bytes': '100', 'min.cleanable.dirty.ratio': '0.01' }

test('log.cleaner.backoff.ms is the time between two looks for what to compact', async (t) => {
  const { client, pass } = await start(t, { 'log.cleaner.backoff.ms': 40_000 })
  await createTopic(client, 'orders', 1, COMPACTED)
  await produceKeys(client, 'orders', ['a', 'a', 'a', 'b'])
  await pass(39_999)
  assert.deepEqual(await offsetsOf(client, 'orders'), [0, 1, 2, 3])
  await pass(1)
  assert.deepEqual(await offsetsOf(client, 'orders'), [2, 3])
  // After a run it looks whether there is more, and then not for the whole time.
  await pass(1)
  await produceKeys(client, 'orders', ['a', 'b'])
  await pass(39_998)
  assert.deepEqual(await offsetsOf(client, 'orders'), [2, 3, 4, 5])
  await pass(2)
  assert.deepEqual(await offsetsOf(client, 'orders'), [3, 4, 5])
})

test('log.cleaner.enable: off, nothing is ever compacted', async (t) => {
  for (const enable of [true, false]) {
    const { client, pass } = await start(t, { 'log.cleaner.enable': enable, 'log.cleaner.backoff.ms': 1000 })
    await createTopic(client, 'orders', 1, COMPACTED)
    await produceKeys(client, 'orders', ['a', 'a', 'a', 'b'])
    for (let i = 0; i < 10; i++) await pass(1000)
    assert.deepEqual(await offsetsOf(client, 'orders'), enable ? [2, 3] : [0, 1, 2, 3])
  }
})

test('log.cleaner.io.buffer.load.factor and log.cleaner.dedupe.buffer.size: how many keys one run takes', async (t) => {
  const mebibyte = 1 << 20
  for (const [bytes, loadFactor, expected] of [
    [mebibyte, 0.005, Math.floor(32_768 * 0.005)],
    [2 * mebibyte, 0.005, Math.floor(65_536 * 0.005)],
    [mebibyte, 0.01, Math.floor(32_768 * 0.01)],
    [mebibyte, 1, 1000],
  ]) {
    const { client, fs, pass } = await start(t, {
      'log.cleaner.backoff.ms': 1000,
      'log.cleaner.dedupe.buffer.size': bytes,
      'log.cleaner.io.buffer.load.factor': loadFactor,
    })
    await createTopic(client, 'orders', 1, { ...COMPACTED, 'segment.bytes': '30000' })
    const builder = new RecordBatchBuilder()
    for (let i = 0; i < 1000; i++) builder.append(Buffer.from(`key ${i}`), null, [], 1_700_000_000_000)
    assert.equal((await produceTo(client, 'orders', builder.build())).errorCode, 0)
    const filler = new RecordBatchBuilder()
    filler.append(Buffer.from('filler'), Buffer.alloc(20_000), [], 1_700_000_000_000)
    assert.equal((await produceTo(client, 'orders', filler.build())).errorCode, 0)
    assert.deepEqual(segmentsOf(fs, 'orders-0'), [0, 1000])
    await pass(1000)
    assert.match(readText(fs, '/data/cleaner-offset-checkpoint'), new RegExp(`^orders 0 ${expected}$`, 'm'))
  }
})

test('log.cleaner.io.max.bytes.per.second: cleaning takes as long as its bytes do', async (t) => {
  const config = { 'log.cleaner.backoff.ms': 1000, 'log.cleaner.io.max.bytes.per.second': 100 }
  const { client, pass } = await start(t, config)
  await createTopic(client, 'orders', 1, COMPACTED)
  await produceKeys(client, 'orders', ['a', 'a', 'a', 'b'])
  await pass(1000)
  assert.deepEqual(await offsetsOf(client, 'orders'), [0, 1, 2, 3])
  // Three segments of 74 bytes are read twice.
  for (let i = 0; i < 3; i++) await pass(1000)
  assert.deepEqual(await offsetsOf(client, 'orders'), [0, 1, 2, 3])
  for (let i = 0; i < 10; i++) await pass(1000)
  assert.deepEqual(await offsetsOf(client, 'orders'), [2, 3])
})

test('producer.id.expiration.ms: a producer that was silent for that long is forgotten', async (t) => {
  const lookMs = 600_000
  for (const [expirationMs, expected] of [
    [lookMs - 1, []],
    [lookMs + 1, [42]],
  ] as const) {
    const { client, time, pass } = await start(t, { 'producer.id.expiration.ms': expirationMs })
    await createTopic(client, 'orders')
    const producer = { producerId: 42, producerEpoch: 0, baseSequence: 0, timestampMs: time.nowMs() }
    assert.equal((await produceTo(client, 'orders', batchOf(['v'], producer))).errorCode, 0)
    await pass(lookMs)
    const body = { topics: [{ name: 'orders', partitionIndexes: [0] }] }
    const { topics } = await client.call(DescribeProducersRequest, DescribeProducersResponse, 0, body)
    const known = topics[0].partitions[0].activeProducers.map(({ producerId }) => producerId)
    assert.deepEqual(known, expected, `${expirationMs} ms`)
  }
})

test('log.retention.ms altered reaches open logs; deleted, server.properties holds again, and without it the default', async (t) => {
  for (const [config, fallbackMs] of [
    [{ 'log.retention.hours': 2 }, 2 * HOUR_MS],
    [{}, 168 * HOUR_MS],
  ] as const) {
    const intervals = { 'log.initial.task.delay.ms': 1000, 'log.retention.check.interval.ms': 1000 }
    const { client, time, pass } = await start(t, { ...intervals, ...config, 'log.roll.ms': 1000 * HOUR_MS })
    await createTopic(client, 'orders')
    await createTopic(client, 'own', 1, { 'retention.ms': '-1' })
    for (const topic of ['orders', 'own']) await produceNow(client, topic, time)
    await pass(2000)
    assert.equal(await startOffset(client, 'orders'), 0)
    await alterConfig(client, BROKER_RESOURCE, '', 'log.retention.ms', '500')
    await pass(1000)
    assert.equal(await startOffset(client, 'orders'), 1)
    assert.equal(await startOffset(client, 'own'), 0, 'what the topic says goes before the broker')
    await alterConfig(client, BROKER_RESOURCE, '', 'log.retention.ms', null)
    await produceNow(client, 'orders', time)
    // The clock and the timers jump at once, so that the passes between have nothing to do.
    await pass(fallbackMs)
    assert.equal(await startOffset(client, 'orders'), 1)
    await pass(1000)
    assert.equal(await startOffset(client, 'orders'), 2)
  }
})

test('log.roll.ms altered reaches open logs; deleted, server.properties holds again, and without it the default', async (t) => {
  for (const [config, fallbackMs] of [
    [{ 'log.roll.ms': 50_000 }, 50_000],
    [{ 'log.roll.hours': 3 }, 3 * HOUR_MS],
    [{}, 168 * HOUR_MS],
  ] as const) {
    const { client, fs, time, pass } = await start(t, { ...config, 'log.retention.ms': -1 })
    await createTopic(client, 'orders')
    await produceNow(client, 'orders', time)
    await pass(200)
    await produceNow(client, 'orders', time)
    assert.deepEqual(segmentsOf(fs, 'orders-0'), [0])
    await alterConfig(client, BROKER_RESOURCE, '1', 'log.roll.ms', '150')
    await produceNow(client, 'orders', time)
    assert.deepEqual(segmentsOf(fs, 'orders-0'), [0, 2])
    await alterConfig(client, BROKER_RESOURCE, '1', 'log.roll.ms', null)
    await pass(fallbackMs)
    await produceNow(client, 'orders', time)
    assert.deepEqual(segmentsOf(fs, 'orders-0'), [0, 2])
    await pass(1)
    await produceNow(client, 'orders', time)
    assert.deepEqual(segmentsOf(fs, 'orders-0'), [0, 2, 4])
  }
})
