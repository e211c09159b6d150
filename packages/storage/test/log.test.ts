import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batchOf, recordsIn, World } from './support/world.ts'

test('appends of one turn become one write, and are read from memory', () => {
  const world = new World()
  const log = world.createLog()
  const first = world.append(log, batchOf([{ value: 'a' }, { value: 'b' }]))
  const second = world.append(log, batchOf([{ value: 'c' }]))
  assert.equal(first.errorCode, 0)
  assert.deepEqual([first.baseOffset, first.nextOffset, second.baseOffset, second.nextOffset], [0, 2, 2, 3])
  assert.equal(log.appendEndOffset, 3)
  assert.equal(log.writtenEndOffset, 0)
  assert.deepEqual(recordsIn(world.read(log, 0) as Buffer), [])
  world.settle()
  assert.equal(log.writtenEndOffset, 3)
  assert.deepEqual(world.written, [{ log: 't-0', endOffset: 3 }])
  assert.deepEqual(
    recordsIn(world.read(log, 1) as Buffer).map((r) => r.value),
    ['a', 'b', 'c'],
  )
  assert.equal(world.read(log, 4), 'out-of-range')
})

test('after a clean stop everything is there, and is read from disk', async () => {
  const world = new World()
  const log = world.createLog()
  for (let i = 0; i < 200; i++) {
    world.append(log, batchOf([{ value: `value ${i} ${'x'.repeat(100)}`, timestamp: 1000 + i }]), {
      leaderEpoch: i >> 6,
    })
    if (i % 7 === 0) world.settle()
  }
  world.settle()
  assert.ok(log.core.segments.length > 5)
  const topicId = log.topicId
  await world.stopAndRestart()
  const again = world.log()
  assert.equal(again.topicId, topicId)
  assert.equal(again.appendEndOffset, 200)
  let offset = 0
  while (offset < 200) {
    const records = recordsIn(world.read(again, offset, { maxBytes: 1000 }) as Buffer).filter((r) => r.offset >= offset)
    assert.ok(records.length > 0)
    assert.equal(records[0].offset, offset)
    assert.ok(records[0].value?.startsWith(`value ${offset} `))
    offset = records[records.length - 1].offset + 1
  }
  assert.deepEqual(again.offsetForLeaderEpoch(1), { leaderEpoch: 1, endOffset: 128 })
  assert.deepEqual(again.fetchOffsetByTimestamp(1100), { timestampMs: 1100, offset: 100, leaderEpoch: 1 })
  assert.deepEqual(again.fetchMaxTimestamp(), { timestampMs: 1199, offset: 199, leaderEpoch: 3 })
  assert.equal(world.append(again, batchOf([{}])).baseOffset, 200)
})

test('kill -9: what was written is there', () => {
  const world = new World()
  const log = world.createLog()
  for (let i = 0; i < 100; i++) world.append(log, batchOf([{ value: 'x'.repeat(100) }]), { leaderEpoch: 3 })
  world.settle()
  world.append(log, batchOf([{ value: 'never written' }]))
  world.killAndRestart()
  const again = world.log()
  assert.equal(again.appendEndOffset, 100)
  assert.equal(again.recoveryPoint, 100)
  assert.equal(again.latestEpoch, 3)
  assert.equal(recordsIn(world.read(again, 99) as Buffer).at(-1)?.offset, 99)
})

test('power cut: with flush.messages=1 nothing acked is lost', () => {
  const world = new World({ config: { flushMessages: 1 } })
  const log = world.createLog()
  for (let i = 0; i < 60; i++) {
    world.append(log, batchOf([{ value: 'x'.repeat(200) }]))
    world.settle()
  }
  assert.equal(log.writtenEndOffset, 60)
  world.powerCutAndRestart({ keep: 'none' })
  assert.equal(world.log().appendEndOffset, 60)
  assert.equal(world.log().topicId, 'AAAAAAAAAAAAAAAAAAAAAQ')
})

test('what recovery serves after kill -9 survives a power cut, though it had never been flushed', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = new World({ seed })
    const log = world.createLog()
    for (let i = 0; i < 10 + seed * 3; i++) {
      world.append(log, batchOf([{ value: `${i}${'x'.repeat(150)}` }]), { leaderEpoch: i >> 4 })
      if (i % 5 === 0) world.settle(1)
    }
    world.settle(1)
    world.killAndRestart()
    const served = recordsIn(world.read(world.log(), 0) as Buffer)
    const endOffset = world.log().appendEndOffset
    assert.equal(endOffset, 10 + seed * 3)
    world.powerCutAndRestart({ keep: 'none' })
    assert.equal(world.log().appendEndOffset, endOffset, `seed ${seed}`)
    assert.deepEqual(recordsIn(world.read(world.log(), 0) as Buffer), served)
  }
})

test('a full disk: the append fails, nothing of it stays, and the log goes on when there is room', () => {
  const world = new World()
  const log = world.createLog()
  world.append(log, batchOf([{ value: 'kept' }], { id: 7, sequence: 0 }))
  world.settle()
  const undo = world.machine.disk.inject({ call: 'write', code: 'ENOSPC', path: (path) => path.endsWith('.log') })
  const failed = world.append(log, batchOf([{ value: 'lost' }], { id: 7, sequence: 1 }), { leaderEpoch: 5 })
  world.append(log, batchOf([{ value: 'lost too' }], { id: 8, sequence: 0 }), { leaderEpoch: 5 })
  assert.equal(failed.baseOffset, 1)
  world.settle()
  undo()
  assert.deepEqual(world.failed, [{ log: 't-0', fromOffset: 1, code: 'ENOSPC' }])
  assert.equal(log.offline, null)
  assert.equal(log.appendEndOffset, 1)
  assert.equal(log.latestEpoch, 0)
  assert.equal(log.activeProducers().length, 1)
  const retried = world.append(log, batchOf([{ value: 'retried' }], { id: 7, sequence: 1 }))
  assert.deepEqual([retried.errorCode, retried.baseOffset], [0, 1])
  world.settle()
  world.killAndRestart()
  assert.deepEqual(
    recordsIn(world.read(world.log(), 0) as Buffer).map((r) => r.value),
    ['kept', 'retried'],
  )
})

test('EIO takes the directory offline', () => {
  const world = new World()
  const log = world.createLog()
  const other = world.createLog('u')
  world.machine.disk.inject({ call: 'write', path: (path) => path.endsWith('.log') })
  world.append(log, batchOf([{}]))
  world.settle()
  assert.ok(log.offline)
  assert.ok(other.offline)
  assert.equal(world.append(other, batchOf([{}])).errorCode, 56)
  assert.equal(world.read(log, 0), 'offline')
  assert.deepEqual(
    world.failed.map(({ log }) => log),
    ['t-0'],
  )
  assert.ok(world.manager.directories[0].offline)
})

test('idempotent producer: duplicates, gaps, epochs', () => {
  const world = new World()
  const log = world.createLog()
  const send = (sequence: number, epoch = 0, count = 1) =>
    world.append(
      log,
      batchOf(
        Array.from({ length: count }, () => ({})),
        { id: 9, epoch, sequence },
      ),
    )
  // A log that does not know the producer takes any sequence.
  for (let i = 0; i < 7; i++) assert.equal(send(10 + i).errorCode, 0)
  const duplicate = send(12)
  assert.deepEqual([duplicate.errorCode, duplicate.duplicate, duplicate.baseOffset], [0, true, 2])
  assert.equal(send(11).errorCode, 45)
  assert.equal(send(18).errorCode, 45)
  assert.equal(send(3, 1).errorCode, 45)
  assert.equal(send(0, 1).errorCode, 0)
  assert.equal(send(17, 0).errorCode, 47)
  // The sequence wraps.
  const late = (sequence: number, count: number) =>
    world.append(
      log,
      batchOf(
        Array.from({ length: count }, () => ({})),
        { id: 10, sequence },
      ),
    )
  assert.equal(late(0x7fff_fffe, 3).errorCode, 0)
  assert.equal(late(1, 1).errorCode, 0)
  assert.equal(late(0x7fff_fffe, 3).duplicate, true)
})

test('a producer whose first batches could not be written has to send them again, in order', () => {
  const world = new World()
  const log = world.createLog()
  const send = (sequence: number, epoch = 0) =>
    world.append(log, batchOf([{}, {}], { id: 7, epoch, sequence })).errorCode
  const refuseWrites = () =>
    world.machine.disk.inject({ call: 'write', code: 'ENOSPC', path: (path) => path.endsWith('.log') })
  const undo = refuseWrites()
  assert.deepEqual([send(10), send(12)], [0, 0])
  world.settle()
  undo()
  assert.equal(world.failed.length, 1)
  // Those behind it were on their way already.
  assert.deepEqual([send(14), send(12), send(16)], [45, 45, 45])
  assert.deepEqual([send(10), send(12), send(14)], [0, 0, 0])
  world.settle()
  assert.equal(log.writtenEndOffset, 6)
  assert.equal(log.activeProducers()[0].lastSequence, 15)
})

test('what was to be sent again does not bind a new epoch, nor a producer that the log has forgotten', () => {
  const world = new World()
  const log = world.createLog()
  const send = (id: number, sequence: number, epoch = 0) =>
    world.append(log, batchOf([{}], { id, epoch, sequence })).errorCode
  const undo = world.machine.disk.inject({ call: 'write', code: 'ENOSPC', path: (path) => path.endsWith('.log') })
  for (const id of [7, 8, 9]) assert.equal(send(id, 10), 0)
  world.settle()
  undo()
  assert.deepEqual([send(7, 11), send(8, 11), send(9, 11)], [45, 45, 45])
  assert.equal(send(7, 0, 1), 0)
  log.core.producers().removeExpired(Number.MAX_SAFE_INTEGER, 1)
  assert.deepEqual([send(8, 11), send(9, 30)], [0, 0])
})

test('a repeat of any of the last five batches is recognised after a clean stop, and after a roll and a kill', async () => {
  const world = new World({ config: { segmentBytes: 4096 } })
  let log = world.createLog()
  // One that was last heard of long ago is forgotten at a start.
  const timestamp = world.nowMs()
  const send = (sequence: number) =>
    world.append(log, batchOf([{ timestamp }, { timestamp }], { id: 7, epoch: 2, sequence }))
  for (let i = 0; i < 7; i++) assert.equal(send(2 * i).errorCode, 0)
  const repeats = () =>
    [0, 1, 2, 3, 4, 5, 6].map((i) => send(2 * i)).map(({ baseOffset, errorCode }) => [baseOffset, errorCode])
  const expected = [
    [-1, 45],
    [-1, 45],
    [4, 0],
    [6, 0],
    [8, 0],
    [10, 0],
    [12, 0],
  ]
  assert.deepEqual(repeats(), expected)
  world.settle()
  await world.stopAndRestart()
  log = world.log()
  assert.deepEqual(repeats(), expected)
  // A producer of its own brings the roll about; the first one is in the snapshot only.
  for (let i = 0; i < 4; i++)
    assert.equal(
      world.append(log, batchOf([{ value: 'x'.repeat(1500), timestamp }], { id: 8, sequence: i })).errorCode,
      0,
    )
  world.settle()
  world.manager.checkpoint()
  world.settle()
  world.killAndRestart()
  log = world.log()
  assert.ok(log.core.segments.length > 1)
  assert.deepEqual(repeats(), expected)
})

test('segments below the log start that a power cut brings back, but not all of them, tell nothing of producers', () => {
  const world = new World()
  const log = world.createLog()
  const timestamp = world.nowMs()
  const send = (of: typeof log, sequence: number) =>
    world.append(of, batchOf([{ value: 'x'.repeat(1500), timestamp }], { id: 7, sequence })).errorCode
  for (let i = 0; i < 8; i++) assert.equal(send(log, i), 0)
  world.settle()
  assert.equal(
    world.wait((done) => log.flush(done)),
    null,
  )
  assert.equal(log.roll(), true)
  assert.equal(log.deleteRecordsBefore(8), 8)
  const bases = log.core.segments.all().map(({ baseOffset }) => baseOffset)
  assert.deepEqual(bases, [0, 2, 4, 6, 8])
  world.machine.kill()
  const { fs } = world.machine.start()
  for (const name of ['6.log', '6.snapshot', '8.snapshot'])
    fs.unlink(`/data/t-0/${name.padStart(20 + name.length - 1, '0')}`)
  world.machine.kill()
  world.restart()
  assert.equal(world.log().logStartOffset, 8)
  assert.equal(send(world.log(), 8), 0)
})
