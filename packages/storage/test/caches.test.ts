import assert from 'node:assert/strict'
import { test } from 'node:test'
import { transactionMarkerBatch } from '@ottla/protocol/records'
import { decodeAbortedTxns } from '../src/index/transaction-index.ts'
import type { PartitionLog } from '../src/index.ts'
import { batchOf, DIRECTORY, World } from './support/world.ts'

const CHECKPOINT = `${DIRECTORY}/recovery-point-offset-checkpoint`

function marker(world: World, log: PartitionLog, producerId: number, commit: boolean): void {
  const bytes = transactionMarkerBatch({
    producerId,
    producerEpoch: 0,
    commit,
    coordinatorEpoch: 0,
    timestamp: world.nowMs(),
  })
  assert.equal(world.append(log, bytes, { origin: 'coordinator' }).errorCode, 0)
}

test('recovery points that are not those of the clean stop are not taken for the ends of the logs', async () => {
  for (const content of ['0\n1\nt 0 4\n', '0\n1\nt 0 99\n', '0\n0\n', 'nonsense', null]) {
    const world = new World()
    const log = world.createLog()
    for (let i = 0; i < 10; i++) world.append(log, batchOf([{}]))
    world.settle()
    await world.stop()
    const { fs } = world.machine.start()
    if (content === null) fs.unlink(CHECKPOINT)
    else {
      const file = fs.open(CHECKPOINT, 'w+')
      file.writeSync(Buffer.from(content), 0)
      file.close()
    }
    world.machine.kill()
    world.restart()
    assert.equal(world.log().appendEndOffset, 10, String(content))
    assert.equal(world.append(world.log(), batchOf([{}])).baseOffset, 10)
  }
})

test('aborted transactions are in the index of the segment with their marker, in Kafka’s format', async () => {
  const world = new World({ manager: { tailBytesMax: 0 } })
  const log = world.createLog()
  const send = (id: number, sequence: number) => world.append(log, batchOf([{}], { id, sequence, transactional: true }))
  send(1, 0)
  send(2, 0)
  world.settle()
  log.roll()
  marker(world, log, 1, false)
  send(3, 0)
  marker(world, log, 3, false)
  marker(world, log, 2, true)
  world.settle()
  await world.stop()
  const { fs } = world.machine.start()
  assert.equal(fs.exists(`${DIRECTORY}/t-0/00000000000000000000.txnindex`), false)
  const file = fs.open(`${DIRECTORY}/t-0/00000000000000000002.txnindex`, 'r')
  const bytes = Buffer.alloc(file.size())
  file.readSync(bytes, 0, bytes.length, 0)
  assert.deepEqual(decodeAbortedTxns(bytes, 2), [
    { producerId: 1, firstOffset: 0, lastOffset: 2, lastStableOffset: 1 },
    { producerId: 3, firstOffset: 3, lastOffset: 4, lastStableOffset: 1 },
  ])
  assert.equal(bytes.toString('hex', 0, 18), '0000' + '0000000000000001' + '0000000000000000')
})

test('a restart needs no look into logs that were left in order', async () => {
  const world = new World({ config: { segmentBytes: 1000 }, manager: { tailBytesMax: 0 } })
  const log = world.createLog()
  for (let i = 0; i < 100; i++) world.append(log, batchOf([{ timestamp: i }], { id: 4, sequence: i }))
  world.settle()
  await world.stopAndRestart()
  assert.equal(world.log().fetchOffsetByTimestamp(37)?.offset, 37)
  assert.equal(world.append(world.log(), batchOf([{}], { id: 4, sequence: 100 })).baseOffset, 100)
  world.settle()
  const rebuilt = world.machine.log.filter((line) => /rebuilding|damaged|cut/.test(line.message))
  assert.deepEqual(rebuilt, [])
})
