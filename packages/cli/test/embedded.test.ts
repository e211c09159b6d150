import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ConsumerRecord, Kafka } from '@ottla/client'
import { type Interception, type StartBrokerOptions, startBroker, type TestBroker } from 'ottla'

async function start(t: TestContext, options: StartBrokerOptions = {}): Promise<TestBroker> {
  const broker = await startBroker(options)
  t.after(() => broker.close())
  return broker
}

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'ottla-embedded-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** All records of a topic, by partition and offset. */
async function recordsOf(broker: TestBroker, topic: string): Promise<ConsumerRecord[]> {
  const kafka = await broker.kafka()
  const ends = await kafka.admin.topicOffsets(topic, 'latest')
  const assign = ends.map(({ offset }, partition) => ({ topic, partition, until: offset }))
  const records: ConsumerRecord[] = []
  for await (const record of kafka.consumer({ assign })) records.push(record)
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
}

const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString())

async function valuesOf(broker: TestBroker, topic: string): Promise<(string | null)[]> {
  return (await recordsOf(broker, topic)).map(({ value }) => text(value))
}

test('a broker without options has a free port, an admin client and takes records', async (t) => {
  const broker = await start(t)
  assert.match(broker.bootstrap, /^localhost:\d+$/)
  assert.equal(broker.bootstrap, `localhost:${broker.port}`)
  assert.equal(broker.nodeId, 1)
  const admin = await broker.admin()
  const [made] = await admin.createTopics([{ name: 'made', partitions: 2 }])
  assert.equal(made.error, null)
  const { clusterId } = await admin.describeCluster()
  assert.equal(clusterId, broker.clusterId)
  const producer = (await broker.kafka()).producer()
  await producer.send('made', { value: 'hello', partition: 1 })
  assert.deepEqual(await valuesOf(broker, 'made'), ['hello'])
})

test('topics: a list of names, or a map with partitions and configs', async (t) => {
  const listed = await start(t, { topics: ['a', 'b'] })
  assert.deepEqual((await (await listed.admin()).listTopics()).map(({ name }) => name).sort(), ['a', 'b'])
  const broker = await start(t, { topics: { c: { partitions: 3, configs: { 'retention.ms': 1234 } }, d: {} } })
  const admin = await broker.admin()
  const [c, d] = await admin.describeTopics(['c', 'd'])
  assert.deepEqual([c.topic?.partitions.length, d.topic?.partitions.length], [3, 1])
  const [described] = await admin.describeConfigs([{ type: 'topic', name: 'c' }])
  assert.equal(described.entries.find(({ name }) => name === 'retention.ms')?.value, '1234')
  await assert.rejects(
    startBroker({ topics: { e: { configs: { 'no.such.key': 1 } } } }),
    /topic e cannot be created.*no\.such\.key/,
  )
})

test('records: keys, headers, tombstones, partitions and times are seeded; missing topics are made', async (t) => {
  const broker = await start(t, {
    topics: { orders: { partitions: 2 } },
    records: {
      orders: [
        {
          key: 'k',
          value: 'v',
          headers: { trace: 'abc', raw: Uint8Array.of(1, 2) },
          partition: 1,
          timestamp: 1_600_000_000_000,
        },
        { key: 'k', value: null, partition: 1 },
        { value: Uint8Array.of(0, 255), partition: 0 },
      ],
      made: [{ value: 'x' }],
    },
  })
  const [bytes, first, tombstone] = await recordsOf(broker, 'orders')
  assert.deepEqual([...(bytes.value as Uint8Array)], [0, 255])
  assert.equal(bytes.key, null)
  assert.deepEqual([text(first.key), text(first.value), first.timestamp], ['k', 'v', 1_600_000_000_000])
  assert.deepEqual(
    first.headers.map(({ key, value }) => [String(key), value === null ? null : [...value]]),
    [
      ['trace', [97, 98, 99]],
      ['raw', [1, 2]],
    ],
  )
  assert.deepEqual([text(tombstone.key), tombstone.value], ['k', null])
  assert.deepEqual(await valuesOf(broker, 'made'), ['x'])
})

test('what cannot be is refused in a rejection, not taken for something else', async () => {
  const wrong = (options: unknown, pattern: RegExp) =>
    assert.rejects(startBroker(options as StartBrokerOptions), pattern)
  for (const options of [5, null, 'orders', ['orders']]) {
    await wrong(options, /^TypeError: startBroker takes an object of options, not /)
  }
  await wrong({ topcs: ['a'] }, /no option topcs; did you mean topics\?$/)
  await wrong({ logLevl: 'warn' }, /no option logLevl; did you mean logLevel\?$/)
  await wrong({ brokers: 3 }, /no option brokers; it has topics, /)
  await wrong({ dir: '' }, /^TypeError: dir is the path of a folder, not ''/)
  await wrong({ dir: 5 }, /^TypeError: dir is the path of a folder, not 5/)
  await wrong({ logLevel: 'wat' }, /^TypeError: logLevel is one of trace, .*, silent, not 'wat'$/)
  await wrong({ logLevel: 'wran' }, /not 'wran'$/)
  await wrong({ logLevel: 'errors' }, /not 'errors'; did you mean error\?$/)
  for (const port of [-1, 65_536, 1.5, '9092'])
    await wrong({ port }, /^TypeError: port is a whole number from 0 to 65535/)
  await wrong({ listeners: ['A://localhost:0'] }, /^TypeError: listeners is a text such as /)
  await wrong({ config: 'num.partitions=3' }, /^TypeError: config is an object of Kafka's properties/)
  await wrong({ config: { 'num.partitions': null } }, /^TypeError: config: num.partitions is a string, a number or/)
  await wrong(
    { topics: { a: { partition: 3 } } },
    /^TypeError: topics.a has no option partition; did you mean partitions\?$/,
  )
  await wrong({ topics: { a: 3 } }, /^TypeError: topics.a is an object with partitions and configs, not 3$/)
  await wrong({ topics: { a: { configs: ['retention.ms=5'] } } }, /^TypeError: topics.a.configs is an object/)
  await wrong({ topics: null }, /topics is a list/)
  await wrong({ records: ['a'] }, /^TypeError: records is an object of topics/)
  await wrong({ records: { a: { value: 'x' } } }, /^TypeError: records.a is a list of records/)
  await wrong(
    { records: { a: [{ value: 'x', header: { n: '1' } }] } },
    /a record of a has no field header; did you mean headers\?$/,
  )
  await wrong({ topics: 'orders' }, /topics is a list/)
  await wrong({ topics: [{ name: 'orders' }] }, /topics is a list/)
  await wrong({ topics: { a: { partitions: 1.5 } } }, /partitions is a whole number, not 1.5/)
  await wrong({ records: { a: ['x'] } }, /a record of a is an object/)
  await wrong({ records: { a: [{ value: { n: 1 } }] } }, /values and headers are strings, Uint8Arrays or null/)
  await wrong({ records: { a: [{ value: 'x', headers: { n: 1 } }] } }, /values and headers are strings/)
  await wrong({ records: { a: [{ value: 'x' }, { value: 'y', partition: 4 }] } }, /topic a has no partition 4/)
})

test('dir: the data stays when the broker goes', async (t) => {
  const dir = folder(t)
  const first = await startBroker({ dir, topics: ['orders'], records: { orders: [{ value: 'kept' }] } })
  await first.close()
  assert.ok(readdirSync(dir).includes('.kafka_cleanshutdown'))
  const second = await start(t, { dir, topics: ['orders'] })
  assert.deepEqual(await valuesOf(second, 'orders'), ['kept'])
})

test('dir: taken by another broker it is refused in one sentence, and free when that one has closed', async (t) => {
  const dir = folder(t)
  const first = await start(t, { dir })
  await assert.rejects(startBroker({ dir }), ({ message }: Error) => {
    assert.ok(message.includes(dir), message)
    assert.ok(!message.includes('\n'), message)
    return true
  })
  await first.close()
  await start(t, { dir })
})

test('dir: a path that cannot hold data is refused in one sentence', async (t) => {
  const dir = folder(t)
  const file = join(dir, 'file')
  writeFileSync(file, '')
  await assert.rejects(startBroker({ dir: file }), { code: 'ENOTDIR', message: `${file} is a file, not a folder` })
  await assert.rejects(startBroker({ dir: join(dir, 'a,b') }), /^TypeError: dir has no comma in its path/)
  assert.deepEqual(readdirSync(dir), ['file'])
})

test('port and listeners: two listeners each tell their own address', async (t) => {
  const probe = await startBroker()
  const { port } = probe
  await probe.close()
  const fixed = await start(t, { port })
  assert.equal(fixed.port, port)
  await assert.rejects(startBroker({ port }), { code: 'EADDRINUSE' })

  const broker = await start(t, {
    listeners: 'IN://127.0.0.1:0,OUT://[::1]:0',
    config: {
      'listener.security.protocol.map': 'IN:PLAINTEXT,OUT:PLAINTEXT',
      'advertised.listeners': 'IN://127.0.0.1:0,OUT://outside.example:19092',
    },
  })
  const kafka = new Kafka({ bootstrap: `127.0.0.1:${broker.port}` })
  t.after(() => kafka.close())
  const { brokers } = await kafka.admin.describeCluster()
  assert.deepEqual([brokers[0].host, brokers[0].port], ['127.0.0.1', broker.port])
  const before = broker.port
  await broker.restart()
  assert.equal(broker.port, before)
})

test('listeners may have any name; they speak PLAINTEXT unless the map says otherwise', async (t) => {
  const broker = await start(t, { listeners: 'A://localhost:0,b://localhost:0' })
  const kafka = await broker.kafka()
  assert.equal((await kafka.admin.describeCluster()).brokers[0].port, broker.port)
  await broker.restart()
  const config = { 'listener.security.protocol.map': 'B:PLAINTEXT' }
  await assert.rejects(startBroker({ listeners: 'A://localhost:0', config }), /listener A/)
})

test('listeners given as a config are the same after a restart too', async (t) => {
  const broker = await start(t, { config: { listeners: 'PLAINTEXT://0.0.0.0:0' } })
  const { port } = broker
  await broker.restart()
  assert.equal(broker.port, port)
})

test("config: Kafka's properties have their effect, and a wrong one is refused by name", async (t) => {
  const broker = await start(t, { config: { 'num.partitions': 4, 'auto.create.topics.enable': false }, topics: ['a'] })
  const [{ topic }] = await (await broker.admin()).describeTopics(['a'])
  assert.equal(topic?.partitions.length, 4)
  await assert.rejects(startBroker({ config: { 'num.partitions': 'many' } }), /num\.partitions/)
  await assert.rejects(startBroker({ config: { 'authorizer.class.name': 'x.Y' } }), /authorizer\.class\.name/)
})

test('intercept: a failed request is retried by the producer, and stored once', async (t) => {
  const broker = await start(t, { topics: ['orders'] })
  const producer = (await broker.kafka()).producer()
  const met = broker.intercept('Produce', { action: 'fail', errorCode: 6 })
  await producer.send('orders', { value: 'once' })
  await met
  assert.deepEqual(await valuesOf(broker, 'orders'), ['once'])
})

test('intercept: a connection dropped before or after the append loses and doubles nothing', async (t) => {
  const broker = await start(t, { topics: ['orders'] })
  const producer = (await broker.kafka()).producer()
  for (const when of ['before', 'after'] as const) {
    const met = broker.intercept('Produce', { action: 'drop', when })
    await producer.send('orders', { value: when })
    await met
  }
  assert.deepEqual(await valuesOf(broker, 'orders'), ['before', 'after'])
})

test('intercept: delay and rewrite the next request; an API that is not there is refused', async (t) => {
  const broker = await start(t, { topics: ['orders'] })
  const kafka = await broker.kafka()
  const producer = kafka.producer()
  const delayed = broker.intercept('Produce', { action: 'delay', delayMs: 1 })
  await producer.send('orders', { value: 'late' })
  await delayed
  const rewritten = broker.intercept('CreateTopics', {
    action: 'rewrite',
    request: (body) => ({ ...body, topics: [] }),
  })
  await kafka.admin.createTopics([{ name: 'never' }]).catch(() => undefined)
  await rewritten
  assert.deepEqual(
    (await kafka.admin.listTopics()).map(({ name }) => name),
    ['orders'],
  )
  assert.throws(() => broker.intercept('Prodcue', { action: 'fail', errorCode: 1 }), /no API Prodcue/)
  assert.throws(() => broker.intercept('Produce', { action: 'explode' } as never), /one of delay, fail, drop, rewrite/)
})

test('intercept: what is armed before a restart is met after it, and a broker that closes gives it up', async (t) => {
  for (const how of ['restart', 'kill'] as const) {
    const broker = await start(t, { topics: ['orders'] })
    const producer = (await broker.kafka()).producer()
    let seen = 0
    const request = (body: Parameters<Extract<Interception, { action: 'rewrite' }>['request']>[0]) => {
      seen += 1
      return body
    }
    const first = broker.intercept('Produce', { action: 'rewrite', request })
    await producer.send('orders', { value: 'before' })
    await first
    const met = broker.intercept('Produce', { action: 'rewrite', request })
    if (how === 'kill') await broker.kill()
    await broker.restart()
    assert.equal(seen, 1)
    await producer.send('orders', { value: 'after' })
    await met
    assert.equal(seen, 2)
    const never = broker.intercept('DeleteTopics', { action: 'fail', errorCode: 1 })
    await broker.close()
    await assert.rejects(never, /closed before a DeleteTopics request came/)
  }
})

test('intercept: a broker that closes delays nothing any more, and its client waits for nobody who is gone', async (t) => {
  const delay: Interception = { action: 'delay', delayMs: 2 ** 31 - 1 }
  const broker = await start(t, { topics: ['orders'] })
  const met = broker.intercept('Produce', delay)
  void broker.intercept('Produce', delay)
  const producer = (await broker.kafka()).producer()
  const first = producer.send('orders', { value: 'delayed' })
  await met
  const second = producer.send('orders', { value: 'not delayed' })
  await broker.close()
  assert.deepEqual([(await first).offset, (await second).offset], [0, 1])
  assert.throws(() => broker.intercept('Produce', delay), /the broker was closed/)

  const killed = await start(t, { topics: ['orders'] })
  const asked = killed.intercept('Produce', delay)
  const lost = (await killed.kafka()).producer().send('orders', { value: 'lost' })
  const refused = assert.rejects(lost, { code: 'CLOSED' })
  await asked
  await killed.kill()
  await killed.close()
  await refused
})

test('restart keeps records, topics, ports and the cluster id; a client of before goes on', async (t) => {
  const broker = await start(t, { topics: ['orders'], records: { orders: [{ value: 'a' }] } })
  const { port, clusterId, bootstrap } = broker
  const producer = (await broker.kafka()).producer()
  await broker.restart()
  assert.deepEqual([broker.port, broker.clusterId, broker.bootstrap], [port, clusterId, bootstrap])
  await producer.send('orders', { value: 'b' })
  assert.deepEqual(await valuesOf(broker, 'orders'), ['a', 'b'])
})

test('kill and restart: what was acked is there', async (t) => {
  for (const dir of [undefined, folder(t)]) {
    const broker = await start(t, { dir, topics: ['orders'] })
    const producer = (await broker.kafka()).producer()
    await Promise.all(Array.from({ length: 50 }, (_, i) => producer.send('orders', { value: `v${i}` })))
    await broker.kill()
    await broker.restart()
    assert.deepEqual(
      await valuesOf(broker, 'orders'),
      Array.from({ length: 50 }, (_, i) => `v${i}`),
    )
  }
})

test('restart, kill and close asked for at once happen one after the other', async (t) => {
  for (const dir of [undefined, folder(t)]) {
    const broker = await start(t, { dir, topics: ['orders'] })
    const { port } = broker
    const [one, other] = await Promise.all([broker.kafka(), broker.kafka()])
    assert.equal(one, other)
    const producer = one.producer()
    await producer.send('orders', { value: 'a' })
    await Promise.all([broker.restart(), broker.restart()])
    await Promise.all([broker.kill(), broker.restart(), broker.kill(), broker.kill(), broker.restart()])
    assert.equal(broker.port, port)
    await producer.send('orders', { value: 'b' })
    assert.deepEqual(await valuesOf(broker, 'orders'), ['a', 'b'])
    await Promise.all([broker.restart(), broker.close(), broker.close()])
    await assert.rejects(broker.restart(), /the broker was closed/)
    await broker.kill()
    await (await startBroker({ port })).close()
  }
})

test('a restart that fails does not keep the next one from succeeding', async (t) => {
  const broker = await start(t, { topics: ['orders'] })
  await broker.kill()
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(broker.port, '127.0.0.1', resolve))
  await assert.rejects(broker.restart(), { code: 'EADDRINUSE' })
  await new Promise((resolve) => taken.close(resolve))
  await broker.restart()
  assert.deepEqual(await valuesOf(broker, 'orders'), [])
})

test('waitFor: records in a topic or any condition; a time limit', async (t) => {
  const broker = await start(t, { topics: ['orders'] })
  const waited = broker.waitFor({ topic: 'orders', records: 3 })
  const producer = (await broker.kafka()).producer()
  for (let i = 0; i < 3; i++) await producer.send('orders', { value: 'v' })
  await waited
  let asked = 0
  await broker.waitFor(async () => ++asked === 3)
  await assert.rejects(broker.waitFor({ topic: 'none', records: 1 }, { timeoutMs: 20 }), /within 20 ms/)
})

test('two brokers of one process are strangers', async (t) => {
  const [one, two] = await Promise.all([start(t, { topics: ['one'] }), start(t, { topics: ['two'] })])
  assert.notEqual(one.port, two.port)
  assert.notEqual(one.clusterId, two.clusterId)
  assert.deepEqual(
    (await (await two.admin()).listTopics()).map(({ name }) => name),
    ['two'],
  )
})

test('close is idempotent and frees the port; await using closes', async () => {
  let port: number
  {
    await using broker = await startBroker()
    port = broker.port
  }
  const again = await startBroker({ port })
  await Promise.all([again.close(), again.close()])
  await again.close()
})

test('a process that closes its broker ends by itself', async () => {
  const index = fileURLToPath(new URL('../src/index.ts', import.meta.url))
  const program = `
    import { startBroker } from ${JSON.stringify(index)}
    const broker = await startBroker({ topics: ['a'], records: { a: [{ value: 'v' }] } })
    const kafka = await broker.kafka()
    for await (const record of kafka.consumer({ assign: [{ topic: 'a' }] })) { if (record) break }
    const delay = { action: 'delay', delayMs: 2 ** 31 - 1 }
    const met = broker.intercept('Produce', delay)
    void kafka.producer().send('a', { value: 'late' })
    await met
    await broker.close()
    console.log('closed')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program])
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const code = await new Promise((resolve) => child.once('close', resolve))
  assert.deepEqual([output, code], ['closed\n', 0])
})

test('who asks for a client, or topics, of a broker that was closed is told so', async () => {
  const closed = /^Error: the broker was closed: startBroker starts another one$/
  const broker = await startBroker()
  // It is still being loaded when the broker is told to close.
  const early = assert.rejects(broker.kafka(), closed)
  const closing = broker.close()
  await early
  await assert.rejects(broker.admin(), closed)
  await closing
  await assert.rejects(broker.admin(), closed)
  await assert.rejects(broker.kafka(), closed)
  await assert.rejects(broker.createTopics([{ name: 'late' }]), closed)
})
