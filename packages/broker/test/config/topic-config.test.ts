import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alterTopicConfig, type ConfigChange, replaceTopicConfig } from '../../src/config/alter.ts'
import { BrokerConfig } from '../../src/config/broker-config.ts'
import { objectLayer } from '../../src/config/layer.ts'
import { resolveTopicConfig } from '../../src/config/topic-config.ts'

const broker = (values: Parameters<typeof objectLayer>[0] = {}) => BrokerConfig.from(objectLayer(values))
const resolve = (topic: Record<string, string>, values: Parameters<typeof objectLayer>[0] = {}) =>
  resolveTopicConfig(new Map(Object.entries(topic)), broker(values))

test('a topic that sets nothing has the defaults of Kafka', () => {
  assert.deepEqual(resolve({}), {
    segmentBytes: 1073741824,
    segmentMs: 604800000,
    segmentJitterMs: 0,
    segmentIndexBytes: 10485760,
    indexIntervalBytes: 4096,
    retentionMs: 604800000,
    retentionBytes: Infinity,
    cleanupPolicy: { delete: true, compact: false },
    minCleanableDirtyRatio: 0.5,
    minCompactionLagMs: 0,
    maxCompactionLagMs: Infinity,
    deleteRetentionMs: 86400000,
    fileDeleteDelayMs: 60000,
    maxMessageBytes: 1048588,
    maxDecompressedMessageBytes: 2147483639,
    compressionType: 'producer',
    compressionGzipLevel: -1,
    compressionLz4Level: 9,
    compressionZstdLevel: 3,
    messageTimestampType: 'CreateTime',
    messageTimestampBeforeMaxMs: Infinity,
    messageTimestampAfterMaxMs: 3600000,
    minInsyncReplicas: 1,
    uncleanLeaderElectionEnable: false,
    flushMessages: Infinity,
    flushMs: Infinity,
    preallocate: false,
  })
})

test('every setting of a topic arrives in its resolved form', () => {
  assert.deepEqual(
    resolve({
      'segment.bytes': '1000000',
      'segment.ms': '1',
      'segment.jitter.ms': '2',
      'segment.index.bytes': '4',
      'index.interval.bytes': '5',
      'retention.ms': '6',
      'retention.bytes': '7',
      'cleanup.policy': 'compact,delete',
      'min.cleanable.dirty.ratio': '0.25',
      'min.compaction.lag.ms': '8',
      'max.compaction.lag.ms': '9',
      'delete.retention.ms': '10',
      'file.delete.delay.ms': '11',
      'max.message.bytes': '12',
      'max.decompressed.message.bytes': '13',
      'compression.type': 'zstd',
      'compression.gzip.level': '1',
      'compression.lz4.level': '2',
      'compression.zstd.level': '-5',
      'message.timestamp.type': 'LogAppendTime',
      'message.timestamp.before.max.ms': '14',
      'message.timestamp.after.max.ms': '15',
      'min.insync.replicas': '2',
      'unclean.leader.election.enable': 'true',
      'flush.messages': '16',
      'flush.ms': '17',
      preallocate: 'true',
    }),
    {
      segmentBytes: 1000000,
      segmentMs: 1,
      segmentJitterMs: 2,
      segmentIndexBytes: 4,
      indexIntervalBytes: 5,
      retentionMs: 6,
      retentionBytes: 7,
      cleanupPolicy: { delete: true, compact: true },
      minCleanableDirtyRatio: 0.25,
      minCompactionLagMs: 8,
      maxCompactionLagMs: 9,
      deleteRetentionMs: 10,
      fileDeleteDelayMs: 11,
      maxMessageBytes: 12,
      maxDecompressedMessageBytes: 13,
      compressionType: 'zstd',
      compressionGzipLevel: 1,
      compressionLz4Level: 2,
      compressionZstdLevel: -5,
      messageTimestampType: 'LogAppendTime',
      messageTimestampBeforeMaxMs: 14,
      messageTimestampAfterMaxMs: 15,
      minInsyncReplicas: 2,
      uncleanLeaderElectionEnable: true,
      flushMessages: 16,
      flushMs: 17,
      preallocate: true,
    },
  )
})

test('the broker supplies what the topic does not set, ms before minutes before hours', () => {
  const rows: [Record<string, string | number>, Partial<ReturnType<typeof resolve>>][] = [
    [{ 'log.retention.hours': 2 }, { retentionMs: 7200000 }],
    [{ 'log.retention.hours': 2, 'log.retention.minutes': 3 }, { retentionMs: 180000 }],
    [{ 'log.retention.hours': 2, 'log.retention.minutes': 3, 'log.retention.ms': 4 }, { retentionMs: 4 }],
    [{ 'log.retention.hours': -1 }, { retentionMs: Infinity }],
    [{ 'log.retention.ms': -1 }, { retentionMs: Infinity }],
    [{ 'log.roll.hours': 1 }, { segmentMs: 3600000 }],
    [{ 'log.roll.hours': 1, 'log.roll.ms': 5 }, { segmentMs: 5 }],
    [{ 'log.roll.jitter.hours': 1 }, { segmentJitterMs: 3600000 }],
    [{ 'log.roll.jitter.hours': 1, 'log.roll.jitter.ms': 0 }, { segmentJitterMs: 0 }],
    [{ 'log.flush.scheduler.interval.ms': 100 }, { flushMs: 100 }],
    [{ 'log.flush.scheduler.interval.ms': 100, 'log.flush.interval.ms': 50 }, { flushMs: 50 }],
    [{ 'log.flush.interval.messages': 1 }, { flushMessages: 1 }],
    [{ 'log.segment.bytes': 1024 }, { segmentBytes: 1024 }],
    [{ 'message.max.bytes': 99 }, { maxMessageBytes: 99 }],
    [{ 'log.cleanup.policy': 'compact' }, { cleanupPolicy: { delete: false, compact: true } }],
    [
      { 'compression.type': 'lz4', 'compression.lz4.level': 17 },
      { compressionType: 'lz4', compressionLz4Level: 17 },
    ],
    [{ 'min.insync.replicas': 2 }, { minInsyncReplicas: 2 }],
    [{ 'log.preallocate': 'true' }, { preallocate: true }],
    [{ 'log.index.size.max.bytes': 80 }, { segmentIndexBytes: 80 }],
    [{ 'log.segment.delete.delay.ms': 0 }, { fileDeleteDelayMs: 0 }],
    [{ 'log.cleaner.min.cleanable.ratio': 0.1 }, { minCleanableDirtyRatio: 0.1 }],
  ]
  for (const [values, expected] of rows) {
    const resolved: object = resolve({}, values)
    for (const [name, value] of Object.entries(expected)) {
      assert.deepEqual((resolved as Record<string, unknown>)[name], value, JSON.stringify(values))
    }
  }
})

test('what the topic sets goes before the broker', () => {
  assert.equal(resolve({ 'retention.ms': '5' }, { 'log.retention.ms': 9 }).retentionMs, 5)
  assert.equal(resolve({ 'internal.segment.bytes': '20', 'segment.bytes': '2000' }).segmentBytes, 20)
})

test('a dynamic broker value reaches the topics', () => {
  const changed = broker({ 'log.retention.hours': 1 }).withDynamic({
    cluster: new Map([['log.retention.ms', '77']]),
    broker: new Map(),
  })
  assert.equal(resolveTopicConfig(new Map(), changed).retentionMs, 77)
})

test('the older timestamp limit holds where the newer one is not set, the topic before the broker', () => {
  const older = 'message.timestamp.difference.max.ms'
  const newer = 'message.timestamp.before.max.ms'
  const rows: [Record<string, string>, Record<string, string>, number][] = [
    [{}, { [`log.${older}`]: '5' }, 5],
    [{}, { [`log.${older}`]: '5', [`log.${newer}`]: '6' }, 6],
    [{ [older]: '7' }, { [`log.${newer}`]: '6' }, 7],
    [{ [older]: '7', [newer]: '8' }, {}, 8],
  ]
  for (const [topic, values, expected] of rows) {
    assert.equal(resolve(topic, values).messageTimestampBeforeMaxMs, expected)
  }
})

test('an empty cleanup policy keeps everything', () => {
  assert.deepEqual(resolve({ 'cleanup.policy': '' }).cleanupPolicy, { delete: false, compact: false })
})

const replace = (topic: Record<string, string | null>) => replaceTopicConfig(Object.entries(topic), broker())
const alter = (current: Record<string, string>, ...changes: ConfigChange[]) => {
  const result = alterTopicConfig(new Map(Object.entries(current)), changes, broker())
  return result.ok ? Object.fromEntries(result.entries) : [result.errorCode, result.message]
}

test('values are judged as Kafka judges them', () => {
  const allowed: [string, string, string][] = [
    ['cleanup.policy', '', ''],
    ['cleanup.policy', 'delete,delete', 'delete'],
    ['cleanup.policy', ' compact , delete ', 'compact,delete'],
    ['retention.ms', '-1', '-1'],
    ['retention.ms', ' 5 ', '5'],
    ['retention.ms', '+5', '5'],
    ['retention.ms', '9223372036854775807', '9223372036854775807'],
    ['retention.ms', '9007199254740993', '9007199254740993'],
    ['retention.bytes', '-5', '-5'],
    ['min.cleanable.dirty.ratio', '1e-1', '0.1'],
    ['min.cleanable.dirty.ratio', '1', '1.0'],
    ['preallocate', 'TRUE', 'true'],
    ['leader.replication.throttled.replicas', '*', '*'],
    ['leader.replication.throttled.replicas', '0:1,2:3', '0:1,2:3'],
    ['leader.replication.throttled.replicas', '', ''],
    ['segment.bytes', '14', '14'],
    ['remote.storage.enable', 'false', 'false'],
    ['message.format.version', '3.0-IV1', '3.0-IV1'],
  ]
  for (const [name, value, canonical] of allowed) {
    const result = replace({ [name]: value })
    assert.ok(result.ok, `${name}=${value}`)
    assert.equal(result.entries.get(name), canonical, `${name}=${value}`)
  }
  const refused: [string, string, string][] = [
    [
      'cleanup.policy',
      'Compact',
      'cleanup.policy=Compact is not allowed: it must be a list separated by commas out of compact, delete',
    ],
    [
      'cleanup.policy',
      'compact,,delete',
      'cleanup.policy=compact,,delete is not allowed: it must be a list separated by commas out of compact, delete',
    ],
    ['retention.ms', '-2', 'retention.ms=-2 is not allowed: it must be a whole number of at least -1'],
    ['retention.ms', '5.0', 'retention.ms=5.0 is not allowed: it must be a whole number of at least -1'],
    ['flush.ms', '', 'flush.ms= is not allowed: it must be a whole number of at least 0'],
    ['preallocate', 'yes', 'preallocate=yes is not allowed: it must be true or false'],
    [
      'compression.type',
      'none',
      'compression.type=none is not allowed: it must be one of uncompressed, zstd, lz4, snappy, gzip, producer',
    ],
    [
      'compression.gzip.level',
      '0',
      'compression.gzip.level=0 is not allowed: it must be a whole number from 1 to 9, or -1',
    ],
    [
      'message.timestamp.type',
      'createtime',
      'message.timestamp.type=createtime is not allowed: it must be one of CreateTime, LogAppendTime',
    ],
    [
      'leader.replication.throttled.replicas',
      '0:1,*',
      'leader.replication.throttled.replicas=0:1,* is not allowed: it must be `*` or a list of partition:broker pairs such as 0:1,1:2',
    ],
    [
      'min.insync.replicas',
      '0',
      'min.insync.replicas=0 is not allowed: it must be a whole number from 1 to 2147483647',
    ],
    ['segment.bytes', '13', 'segment.bytes=13 is not allowed: it must be a whole number from 14 to 2147483647'],
    ['retention.m', '1', 'retention.m is not a topic config; did you mean retention.ms?'],
    ['foo.bar', '1', 'foo.bar is not a topic config'],
    ['log.retention.ms', '1', 'log.retention.ms is not a topic config'],
    ['__proto__', '1', '__proto__ is not a topic config'],
    ['toString', '1', 'toString is not a topic config'],
    [
      'remote.storage.enable',
      'true',
      'remote.storage.enable=true is refused. Old segments cannot be moved to a remote store: keep them on disk with the retention settings.',
    ],
  ]
  for (const [name, value, message] of refused) {
    assert.deepEqual(replaceTopicConfig([[name, value]], broker()), { ok: false, errorCode: 40, message }, name)
  }
})

test('settings are judged beside each other, and beside the broker', () => {
  const message = 'min.compaction.lag.ms=100 is not allowed: it must not exceed max.compaction.lag.ms=50'
  assert.deepEqual(
    alter({ 'max.compaction.lag.ms': '50' }, { name: 'min.compaction.lag.ms', op: 'set', value: '100' }),
    [40, message],
  )
  const strict = broker({ 'log.cleaner.max.compaction.lag.ms': 50 })
  assert.deepEqual(replaceTopicConfig([['min.compaction.lag.ms', '100']], strict), {
    ok: false,
    errorCode: 40,
    message,
  })
})

test('incremental changes leave the rest alone', () => {
  const current = { 'retention.ms': '5', 'cleanup.policy': 'delete' }
  assert.deepEqual(
    alter(
      current,
      { name: 'retention.ms', op: 'delete', value: null },
      { name: 'segment.ms', op: 'set', value: '7' },
      { name: 'cleanup.policy', op: 'append', value: 'compact,delete' },
    ),
    { 'segment.ms': '7', 'cleanup.policy': 'delete,compact' },
  )
  assert.deepEqual(alter({}, { name: 'retention.ms', op: 'delete', value: null }), {})
})

test('append and subtract begin with what holds now', () => {
  assert.deepEqual(alter({}, { name: 'cleanup.policy', op: 'append', value: 'compact' }), {
    'cleanup.policy': 'delete,compact',
  })
  assert.deepEqual(
    alter({ 'cleanup.policy': 'compact,delete' }, { name: 'cleanup.policy', op: 'subtract', value: 'delete' }),
    {
      'cleanup.policy': 'compact',
    },
  )
  assert.deepEqual(alter({}, { name: 'leader.replication.throttled.replicas', op: 'append', value: '0:1' }), {
    'leader.replication.throttled.replicas': '0:1',
  })
  assert.deepEqual(alter({}, { name: 'cleanup.policy', op: 'append', value: 'keep' }), [
    40,
    'cleanup.policy=delete,keep is not allowed: it must be a list separated by commas out of compact, delete',
  ])
  assert.deepEqual(alter({}, { name: 'retention.ms', op: 'append', value: '1' }), [
    40,
    'retention.ms is not a list: append is for lists, use set',
  ])
})

test('a request that makes no sense is INVALID_REQUEST', () => {
  assert.deepEqual(alter({}, { name: 'retention.ms', op: 'set', value: null }), [
    42,
    'retention.ms needs a value; delete it to go back to the default',
  ])
  const twice: ConfigChange = { name: 'retention.ms', op: 'set', value: '1' }
  assert.deepEqual(alter({}, twice, twice), [42, 'retention.ms is changed twice in one request'])
})
