import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readBatches, transactionMarkerBatch } from '@ottla/protocol/records'
import type { PartitionLog } from '../src/index.ts'
import { batchOf, World } from './support/world.ts'

function marker(world: World, log: PartitionLog, commit: boolean): number {
  const bytes = transactionMarkerBatch({
    producerId: 1,
    producerEpoch: 0,
    commit,
    coordinatorEpoch: 0,
    timestamp: world.nowMs(),
  })
  const { errorCode, baseOffset } = world.append(log, bytes, { origin: 'coordinator' })
  assert.equal(errorCode, 0)
  return baseOffset
}

/** Offsets of the markers that are in the log. */
function markers(world: World, log: PartitionLog): number[] {
  const offsets: number[] = []
  for (let offset = log.logStartOffset; offset < log.writtenEndOffset; ) {
    for (const batch of readBatches(world.read(log, offset) as Buffer)) {
      if (batch.isControl && batch.recordCount > 0) offsets.push(batch.baseOffset)
      offset = batch.lastOffset + 1
    }
  }
  return offsets
}

test('the marker of a transaction stays for delete.retention.ms after the cleaning that finds nothing of it', () => {
  const world = new World({
    config: {
      cleanupPolicy: { delete: false, compact: true },
      minCleanableDirtyRatio: 0,
      segmentBytes: 2000,
      deleteRetentionMs: 10_000,
    },
    manager: { tailBytesMax: 0, cleaner: { enable: false } },
  })
  const log = world.createLog()
  const send = (sequence: number) =>
    world.append(log, batchOf([{ key: 'a' }], { id: 1, sequence, transactional: true }))
  send(0)
  const aborted = marker(world, log, false)
  send(1)
  const replaced = marker(world, log, true)
  // Of the newest transaction, the marker is what is known of the producer.
  send(2)
  const newest = marker(world, log, true)
  const clean = (): number[] => {
    for (let i = 0; i < 10; i++) world.append(log, batchOf([{ key: `f${i}`, value: 'x'.repeat(300) }]))
    world.settle(10)
    world.manager.runCleaner()
    world.settle(100)
    return markers(world, log)
  }
  // The records go; readers that are under way still need the markers.
  assert.deepEqual(clean(), [aborted, replaced, newest])
  assert.deepEqual(clean(), [aborted, replaced, newest])
  world.settle(9000)
  assert.deepEqual(clean(), [aborted, replaced, newest])
  world.settle(2000)
  assert.deepEqual(clean(), [newest])
})
