import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ErrorCode, MetadataRequest, MetadataResponse } from '@ottla/protocol'
import { HELD_BYTES_MAX } from './support/bad-input/bounds.ts'
import { announcing, crowdConfig, crowdProblem, gather, idle } from './support/bad-input/crowd.ts'
import { BAD_INPUTS } from './support/bad-input/list.ts'
import { Bystander, play } from './support/bad-input/play.ts'
import { BrokerProcess } from './support/broker-process.ts'
import { startBroker } from './support/start.ts'
import type { Watched } from './support/watched-broker.ts'

/*
 * What a broken or hostile client may send, all of it to one broker in a process of its own. `node tools/bad-input.ts`
 * does the same and measures the turns of the event loop, which no test should.
 */

let broker: BrokerProcess
let bystander: Bystander
let fresh: Watched

before(async () => {
  broker = await BrokerProcess.start({ poisonBuffers: true })
  bystander = new Bystander(await broker.connect())
  await bystander.ask()
  fresh = await broker.ask('measure')
})
after(() => broker.stop())

for (const input of BAD_INPUTS) {
  test(`the broker ${input.outcome}: ${input.name}`, async () => {
    await play(input, broker, bystander)
  })
}

test('nothing of all that is kept in memory', async () => {
  const { heldBytes } = await broker.ask('measure')
  assert.ok(heldBytes <= fresh.heldBytes + HELD_BYTES_MAX, `${heldBytes} bytes after ${fresh.heldBytes}`)
})

for (const [what, count, habit] of [
  ['idle connections', 2000, idle],
  ['connections that announce 100 MiB', 500, announcing],
] as const) {
  test(`${count} ${what}: others are served, and all is released in the end`, async (t) => {
    const problem = crowdProblem(count)
    if (problem !== null) return t.skip(problem)
    const crowded = await BrokerProcess.start({ config: crowdConfig(count), poisonBuffers: true })
    t.after(() => crowded.stop())
    const { before, during, after, othersAnswered } = await gather(crowded, count, habit)
    assert.equal(during.connections, before.connections + count)
    assert.equal(after.connections, before.connections)
    assert.ok(othersAnswered[0] > 0, 'nobody else was answered while they came')
    assert.ok(after.heldBytes <= before.heldBytes + HELD_BYTES_MAX, `${after.heldBytes} after ${before.heldBytes}`)
    assert.equal(after.errorLines, 0, after.lastError)
  })
}

test('no two inputs have one name', () => {
  assert.equal(new Set(BAD_INPUTS.map(({ name }) => name)).size, BAD_INPUTS.length)
})

test('a request for more unknown topics than one may create makes none of them', async (t) => {
  const { broker, connect } = await startBroker(t, { config: { 'num.partitions': 100 } })
  const client = await connect()
  const ask = (count: number) => {
    const topics = Array.from({ length: count }, (_, i) => ({ name: `t${i}` }))
    return client.call(MetadataRequest, MetadataResponse, 9, { topics, allowAutoTopicCreation: true })
  }
  for (const { errorCode } of (await ask(101)).topics) assert.equal(errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  assert.deepEqual(broker.topics.all(), [])
  assert.deepEqual(
    (await ask(2)).topics.map(({ partitions }) => partitions.length),
    [100, 100],
  )
})
