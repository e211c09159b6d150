import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batchOf, DIRECTORY, recordsIn, World } from './support/world.ts'

test('a sync that fails is not tried again: no ack, and the directory is offline', () => {
  const world = new World({ config: { flushMessages: 1 } })
  const log = world.createLog()
  world.append(log, batchOf([{}]))
  world.settle()
  world.machine.disk.inject({ call: 'sync', path: (path) => path.endsWith('.log') })
  world.append(log, batchOf([{}]))
  world.settle()
  assert.equal(log.writtenEndOffset, 1)
  assert.ok(log.offline)
  assert.ok(world.manager.directories[0].offline)
  assert.deepEqual(
    world.failed.map(({ fromOffset }) => fromOffset),
    [1],
  )
  assert.ok(world.wait((done) => log.flush(done)) instanceof Error)
  assert.equal(world.append(log, batchOf([{}])).errorCode, 56)
})

test('damage in what was not known to be on the device: the log ends before it, over segments too', () => {
  for (const [segment, at, endOffset] of [
    ['08', 100, 8],
    ['08', 2500, 10],
    ['04', 2500, 6],
    ['00', 3500, 3],
  ] as const) {
    const world = new World({ manager: { tailBytesMax: 0 } })
    const log = world.createLog()
    for (let i = 0; i < 12; i++) world.append(log, batchOf([{ value: 'x'.repeat(900) }]))
    // Before the roll has had its segments flushed.
    while (log.writtenEndOffset < 12) world.settle(0.05)
    world.machine.kill()
    // A byte of a record: the header of its batch is as it was.
    world.machine.disk.flipBits(`${DIRECTORY}/t-0/000000000000000000${segment}.log`, at, 1)
    world.restart()
    const again = world.log()
    assert.equal(again.offline, null)
    assert.equal(again.appendEndOffset, endOffset, `${segment} at ${at}`)
    assert.equal(recordsIn(world.read(again, 0) as Buffer).length, Math.min(4, endOffset))
    assert.equal(world.append(again, batchOf([{}])).baseOffset, endOffset)
  }
})

test('with a log offline, a stop is not a clean one', async () => {
  const marker = `${DIRECTORY}/.kafka_cleanshutdown`
  for (const damaged of [false, true]) {
    const world = new World({ config: { flushMessages: 1 } })
    const log = world.createLog()
    for (let i = 0; i < 10; i++) world.append(log, batchOf([{ value: 'x'.repeat(900) }]))
    world.settle()
    if (damaged) {
      log.takeOffline(new Error('for this test'))
      world.settle()
    }
    await world.stop()
    assert.equal(world.machine.start().fs.exists(marker), !damaged)
  }
})

test('a read that a truncation overtakes comes back empty, not with what was cut', () => {
  const world = new World({ manager: { tailBytesMax: 0 } })
  const log = world.createLog()
  for (let i = 0; i < 10; i++) world.append(log, batchOf([{ value: `${i}` }]))
  world.settle()
  const read = { maxBytes: 1 << 20, maxOffset: Number.MAX_SAFE_INTEGER, minOneMessage: true }
  let bytes = -1
  log.readFromDisk(0, read, (_, slice) => {
    bytes = slice?.bytes ?? -2
  })
  assert.equal(bytes, -1)
  assert.equal(
    world.wait((done) => log.truncateTo(5, done)),
    null,
  )
  world.settle()
  assert.equal(bytes, 0)
  assert.ok((world.read(log, 0) as Buffer).length > 0)
})

test('no descriptor left for a checkpoint, an index or a snapshot: they are written another time', async () => {
  const world = new World({ config: { segmentBytes: 300 } })
  const log = world.createLog()
  const failed: string[] = []
  const undo = world.machine.disk.inject({
    call: 'open',
    code: 'EMFILE',
    times: Number.POSITIVE_INFINITY,
    path: (path) => {
      if (path.endsWith('.log') || path.endsWith('partition.metadata')) return false
      failed.push(path)
      return true
    },
  })
  for (let i = 0; i < 20; i++) world.append(log, batchOf([{ timestamp: i }], { id: 3, sequence: i }))
  world.settle()
  world.manager.checkpoint()
  assert.equal(log.offline, null)
  assert.equal(world.manager.directories[0].offline, null)
  assert.equal(log.writtenEndOffset, 20)
  assert.ok(failed.some((path) => path.endsWith('.index')) && failed.some((path) => path.includes('checkpoint')))
  undo()
  await world.stopAndRestart()
  assert.equal(world.log().fetchOffsetByTimestamp(7)?.offset, 7)
  assert.equal(world.append(world.log(), batchOf([{}], { id: 3, sequence: 20 })).errorCode, 0)
})
