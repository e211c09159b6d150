/**
 * Every setting of topics reaches a log that is open, in the form that `@ottla/storage` obeys: from the topic, from the
 * broker, and back again. What the log then does with it is tested there.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Broker } from '../src/broker.ts'
import { type TopicKey, topicProperties, topicSynonyms } from '../src/config/catalogue.ts'
import type { TopicConfig } from '../src/config/topic-config.ts'
import { createTopic } from './support/admin.ts'
import { alterConfig, BROKER_RESOURCE, TOPIC_RESOURCE } from './support/effects.ts'
import { startBroker } from './support/start.ts'

type Row = readonly [
  key: TopicKey,
  field: keyof TopicConfig,
  ofBroker: readonly [text: string, value: unknown],
  ofTopic: readonly [text: string, value: unknown],
]

const row = (key: TopicKey, field: keyof TopicConfig, ofBroker: number, ofTopic: number): Row => [
  key,
  field,
  [String(ofBroker), ofBroker],
  [String(ofTopic), ofTopic],
]

const ROWS: readonly Row[] = [
  [
    'cleanup.policy',
    'cleanupPolicy',
    ['compact', { delete: false, compact: true }],
    ['compact,delete', { delete: true, compact: true }],
  ],
  ['compression.type', 'compressionType', ['zstd', 'zstd'], ['lz4', 'lz4']],
  row('compression.gzip.level', 'compressionGzipLevel', 1, 2),
  row('compression.lz4.level', 'compressionLz4Level', 1, 2),
  row('compression.zstd.level', 'compressionZstdLevel', 1, 2),
  row('delete.retention.ms', 'deleteRetentionMs', 101, 102),
  row('file.delete.delay.ms', 'fileDeleteDelayMs', 101, 102),
  row('flush.messages', 'flushMessages', 101, 102),
  row('flush.ms', 'flushMs', 101_000, 102_000),
  row('index.interval.bytes', 'indexIntervalBytes', 101, 102),
  row('max.compaction.lag.ms', 'maxCompactionLagMs', 101, 102),
  row('max.decompressed.message.bytes', 'maxDecompressedMessageBytes', 101, 102),
  row('max.message.bytes', 'maxMessageBytes', 101, 102),
  row('message.timestamp.after.max.ms', 'messageTimestampAfterMaxMs', 101, 102),
  row('message.timestamp.before.max.ms', 'messageTimestampBeforeMaxMs', 101, 102),
  row('message.timestamp.difference.max.ms', 'messageTimestampBeforeMaxMs', 101, 102),
  row('message.timestamp.difference.max.ms', 'messageTimestampAfterMaxMs', 101, 102),
  ['message.timestamp.type', 'messageTimestampType', ['LogAppendTime', 'LogAppendTime'], ['CreateTime', 'CreateTime']],
  row('min.cleanable.dirty.ratio', 'minCleanableDirtyRatio', 0.1, 0.2),
  row('min.compaction.lag.ms', 'minCompactionLagMs', 101, 102),
  row('min.insync.replicas', 'minInsyncReplicas', 3, 4),
  ['preallocate', 'preallocate', ['true', true], ['false', false]],
  row('retention.bytes', 'retentionBytes', 101, 102),
  row('retention.ms', 'retentionMs', 101, 102),
  row('segment.bytes', 'segmentBytes', 1_048_577, 1_048_578),
  row('segment.index.bytes', 'segmentIndexBytes', 101, 102),
  row('segment.jitter.ms', 'segmentJitterMs', 101, 102),
  row('segment.ms', 'segmentMs', 101, 102),
]

function configOf(broker: Broker): Record<string, unknown> {
  const log = broker.replicas.partition('orders', 0)?.log
  assert.ok(log !== undefined)
  return log.config as unknown as Record<string, unknown>
}

test('the table has every effective property of topics that the broker has a key for', () => {
  const effective = Object.entries(topicProperties).filter(([, { kind }]) => kind === 'effective')
  const missing = effective.map(([key]) => key as TopicKey).filter((key) => !ROWS.some(([known]) => known === key))
  assert.deepEqual(missing, ['internal.segment.bytes'])
})

test('a change of the broker or of the topic reaches the open log, and goes again', async (t) => {
  const { broker, connect } = await startBroker(t)
  const client = await connect()
  await createTopic(client, 'orders')
  const before = structuredClone(configOf(broker))
  for (const [key, field, [brokerText, brokerValue], [topicText, topicValue]] of ROWS) {
    const brokerKey = topicSynonyms[key]![0].name
    await alterConfig(client, BROKER_RESOURCE, '', brokerKey, brokerText)
    assert.deepEqual(configOf(broker)[field], brokerValue, `broker ${brokerKey}`)
    await alterConfig(client, TOPIC_RESOURCE, 'orders', key, topicText)
    assert.deepEqual(configOf(broker)[field], topicValue, `topic ${key}`)
    await alterConfig(client, TOPIC_RESOURCE, 'orders', key, null)
    assert.deepEqual(configOf(broker)[field], brokerValue, `topic ${key} deleted`)
    await alterConfig(client, BROKER_RESOURCE, '', brokerKey, null)
    assert.deepEqual(configOf(broker), before, `broker ${brokerKey} deleted`)
  }
  await alterConfig(client, TOPIC_RESOURCE, 'orders', 'internal.segment.bytes', '2000')
  assert.equal(configOf(broker).segmentBytes, 2000)
})

test('every key of the broker that a topic falls back to holds from the start', async (t) => {
  for (const [key, synonyms] of Object.entries(topicSynonyms)) {
    const known = ROWS.find(([name]) => name === key)
    if (known === undefined) continue
    const [, field, [text, value]] = known
    for (const { name, factor = 1 } of synonyms) {
      const { broker, connect } = await startBroker(t, { config: { [name]: text } })
      await createTopic(await connect(), 'orders')
      const expected = typeof value === 'number' ? value * factor : value
      assert.deepEqual(configOf(broker)[field], expected, name)
      await broker.close()
    }
  }
})
