/** Topics of many partitions: their logs are made and deleted in slices, with everything that may come between two of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  DeleteTopicsRequest,
  DeleteTopicsResponse,
  ErrorCode,
  MetadataRequest,
  MetadataResponse,
} from '@ottla/protocol'
import type { FileSystem } from '@ottla/runtime'
import { memoryFileSystem } from '@ottla/runtime/node'
import type { RawClient } from '@ottla/testkit'
import { TURN_WORK_MS } from '../src/server/turn-budget.ts'
import { createTopic, produceTo } from './support/admin.ts'
import { batchOf } from './support/batches.ts'
import { ManualTime } from './support/manual-time.ts'
import { startBroker } from './support/start.ts'

const TOPIC = 'large'
const PARTITIONS = 200
/** In one turn of the event loop. */
const PER_SLICE = 4

/** A disk on which making a partition's folder, or moving it away, takes its time, and calls back before. */
function slowDisk() {
  const time = new ManualTime()
  const fs = memoryFileSystem()
  const disk = { time, fs: fs as FileSystem, folders: 0, before: (_nth: number): void => {} }
  const count = (path: string): void => {
    if (!path.includes(`/${TOPIC}-`)) return
    disk.before(disk.folders++)
    time.advance(TURN_WORK_MS / PER_SLICE)
  }
  disk.fs = new Proxy(fs, {
    get(target, name) {
      const value = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      const method = value.bind(target)
      if (name === 'mkdir') return (path: string) => [count(path), method(path)][1]
      if (name === 'rename')
        return (from: string, to: string) => [to.endsWith('-delete') && count(to), method(from, to)][1]
      return method
    },
  })
  return disk
}

async function partitionsOf(client: RawClient) {
  const { topics } = await client.call(MetadataRequest, MetadataResponse, 12, {
    topics: [{ name: TOPIC }],
    allowAutoTopicCreation: false,
  })
  return topics[0]
}

/** The last partition takes a record. */
async function assertServed(client: RawClient): Promise<void> {
  const { errorCode, partitions } = await partitionsOf(client)
  assert.equal(errorCode, ErrorCode.NONE)
  assert.equal(partitions.filter((partition) => partition.errorCode === ErrorCode.NONE).length, PARTITIONS)
  assert.equal((await produceTo(client, TOPIC, batchOf(['one']), PARTITIONS - 1)).errorCode, ErrorCode.NONE)
}

test('while the logs of a topic are made others are answered: partitions without one have no leader yet', async (t) => {
  const disk = slowDisk()
  const { connect } = await startBroker(t, disk)
  const [client, other] = [await connect(), await connect()]
  const between: Promise<void>[] = []
  disk.before = (nth) => {
    if (nth === 2 * PER_SLICE) between.push(look())
  }
  async function look(): Promise<void> {
    const { partitions } = await partitionsOf(other)
    assert.ok(disk.folders < PARTITIONS, 'it was answered between two slices')
    const led = partitions.filter(({ leaderId }) => leaderId !== -1)
    assert.ok(led.length >= PER_SLICE && led.length < PARTITIONS, `${led.length} have leaders`)
    for (const { errorCode, leaderId } of partitions)
      assert.equal(errorCode, leaderId === -1 ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.NONE)
    const { errorCode } = await produceTo(other, TOPIC, batchOf(['early']), PARTITIONS - 1)
    assert.ok(disk.folders < PARTITIONS)
    assert.equal(errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  }
  await createTopic(client, TOPIC, PARTITIONS)
  assert.equal(between.length, 1)
  await between[0]
  await assertServed(client)
})

for (const end of ['kill', 'close'] as const)
  test(`a broker that is stopped between two slices (${end}) has the whole topic at its next start`, async (t) => {
    const disk = slowDisk()
    const { broker, connect } = await startBroker(t, disk)
    const client = await connect()
    let ended: Promise<void> | undefined
    let foldersAtEnd = 0
    disk.before = (nth) => {
      if (nth !== 2 * PER_SLICE) return
      setImmediate(() => {
        ended = broker[end]()
        foldersAtEnd = disk.folders
      })
    }
    const created = createTopic(client, TOPIC, PARTITIONS)
    if (end === 'kill') await assert.rejects(created)
    else await created.catch(() => undefined)
    await ended
    if (end === 'kill') assert.equal(disk.folders, foldersAtEnd, 'what was killed makes no logs')
    assert.ok(foldersAtEnd < PARTITIONS)
    const again = await startBroker(t, disk)
    await assertServed(await again.connect())
  })

test('a topic that is created again while the last of its name is being deleted is the new one, and empty', async (t) => {
  const disk = slowDisk()
  const { connect } = await startBroker(t, disk)
  const [client, other] = [await connect(), await connect()]
  const first = await createTopic(client, TOPIC, PARTITIONS)
  await assertServed(client)
  let again: Promise<string> | undefined
  disk.folders = 0
  disk.before = (nth) => {
    if (nth === 2 * PER_SLICE) again = createTopic(other, TOPIC, PARTITIONS)
  }
  const body = { topics: [{ name: TOPIC }], timeoutMs: 10_000 }
  const { responses } = await client.call(DeleteTopicsRequest, DeleteTopicsResponse, 6, body)
  assert.equal(responses[0].errorCode, ErrorCode.NONE)
  assert.notEqual(await again, first)
  await assertServed(client)
  assert.equal((await produceTo(client, TOPIC, batchOf(['two']), PARTITIONS - 1)).baseOffset, 1)
})

test('a deletion that is cut off serves nobody afterwards, and a new topic of the name is empty', async (t) => {
  const disk = slowDisk()
  const { broker, connect } = await startBroker(t, disk)
  const client = await connect()
  const first = await createTopic(client, TOPIC, PARTITIONS)
  await assertServed(client)
  disk.folders = 0
  let ended: Promise<void> | undefined
  disk.before = (nth) => {
    if (nth === 2 * PER_SLICE) setImmediate(() => (ended = broker.kill()))
  }
  const body = { topics: [{ name: TOPIC }], timeoutMs: 10_000 }
  await assert.rejects(client.call(DeleteTopicsRequest, DeleteTopicsResponse, 6, body))
  await ended
  assert.ok(disk.folders < PARTITIONS)
  const again = await startBroker(t, disk)
  const next = await again.connect()
  assert.equal((await partitionsOf(next)).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  assert.notEqual(await createTopic(next, TOPIC, PARTITIONS), first)
  assert.equal((await produceTo(next, TOPIC, batchOf(['new']), PARTITIONS - 1)).baseOffset, 0)
})
