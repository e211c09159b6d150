import assert from 'node:assert/strict'
import { test } from 'node:test'
import { transactionMarkerBatch } from '@ottla/protocol/records'
import type { PartitionLog } from '../src/index.ts'
import { batchOf, DIRECTORY, World } from './support/world.ts'

const HOUR_MS = 3_600_000

function send(world: World, log: PartitionLog, id: number, sequence: number, transactional = false) {
  const timestamp = world.nowMs()
  const result = world.append(log, batchOf([{ timestamp }], { id, sequence, transactional }))
  world.settle()
  return result
}

const ids = (log: PartitionLog): number[] => log.activeProducers().map((producer) => producer.producerId)

test('a producer that is silent for producer.id.expiration.ms is forgotten, one with an open transaction is not', () => {
  const world = new World({ manager: { producerIdExpirationMs: HOUR_MS } })
  const log = world.createLog()
  send(world, log, 1, 0)
  send(world, log, 2, 0, true)
  world.settle(HOUR_MS / 2)
  send(world, log, 3, 0)
  world.settle(HOUR_MS / 2)
  assert.deepEqual(ids(log), [2, 3])
  // Whatever it sends now is as of a new producer.
  assert.equal(send(world, log, 1, 0).duplicate, false)
  const marker = transactionMarkerBatch({
    producerId: 2,
    producerEpoch: 0,
    commit: true,
    coordinatorEpoch: 0,
    timestamp: world.nowMs(),
  })
  assert.equal(world.append(log, marker, { origin: 'coordinator' }).errorCode, 0)
  world.settle(HOUR_MS * 1.5)
  assert.deepEqual(ids(log), [])
})

test('producers expire over restarts as well', async () => {
  const world = new World({ manager: { producerIdExpirationMs: HOUR_MS } })
  send(world, world.createLog(), 1, 0)
  send(world, world.log(), 2, 0, true)
  world.settle(HOUR_MS / 2)
  await world.stopAndRestart()
  assert.deepEqual(ids(world.log()), [1, 2])
  world.settle(HOUR_MS)
  world.killAndRestart()
  assert.deepEqual(ids(world.log()), [2])
})

test('each roll leaves a snapshot; the newest is where a restart begins, and retention takes old ones along', async () => {
  const world = new World({ config: { segmentBytes: 150 } })
  const log = world.createLog()
  for (let i = 0; i < 12; i++) send(world, log, 7, i)
  const snapshots = (): number[] =>
    world.runtime.fs
      .readdir(`${DIRECTORY}/t-0`)
      .filter((name) => name.endsWith('.snapshot'))
      .map((name) => Number.parseInt(name, 10))
  const bases = log.core.segments.all().map((segment) => segment.baseOffset)
  assert.ok(bases.length > 3)
  assert.deepEqual(snapshots(), bases.slice(1))
  await world.stopAndRestart()
  assert.deepEqual(snapshots(), [...bases.slice(1), 12])
  assert.equal(world.log().deleteRecordsBefore(bases[3]), bases[3])
  world.manager.runRetention()
  world.settle()
  assert.deepEqual(snapshots(), [...bases.slice(3), 12])
  assert.equal(send(world, world.log(), 7, 11).duplicate, true)
  assert.equal(send(world, world.log(), 7, 12).errorCode, 0)
  // Of those that clean stops leave, only the newest is kept.
  const segments = world.log().core.segments.length
  for (let i = 0; i < 4; i++) {
    await world.stopAndRestart()
    world.log().updateConfig({ ...world.log().config, segmentBytes: 10_000 })
    send(world, world.log(), 7, 13 + i)
  }
  await world.stopAndRestart()
  assert.ok(snapshots().length <= segments + 2, `${snapshots()}`)
})
