import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FileSystem } from '@ottla/runtime'
import type { StorageError } from '../src/index.ts'
import { Descriptors, withCalls } from './support/file-systems.ts'
import { batchOf, DIRECTORY, recordsIn, World } from './support/world.ts'

/** Refuses to open what `refused` says, as a process without file descriptors does; to wait for a folder opens it. */
class Exhaustion {
  refused: (path: string) => boolean = () => false
  refusals = 0

  over(fs: FileSystem): FileSystem {
    return withCalls(fs, {
      open: (path, mode) => {
        this.#check(path)
        return fs.open(path, mode)
      },
      syncDir: (path) => {
        this.#check(path)
        fs.syncDir(path)
      },
    })
  }

  #check(path: string): void {
    if (!this.refused(path)) return
    this.refusals++
    throw Object.assign(new Error(`EMFILE: too many open files, open '${path}'`), { code: 'EMFILE', syscall: 'open' })
  }
}

function worldOf(exhaustion: Exhaustion, flushMessages: number): World {
  return new World({
    config: { flushMessages },
    manager: { tailBytesMax: 0, openFilesMax: 1 },
    fileSystem: (fs) => exhaustion.over(fs),
  })
}

for (const [what, refused] of Object.entries({
  'its folder': (path: string) => path === `${DIRECTORY}/t-0`,
  'its partition.metadata': (path: string) => path.endsWith('partition.metadata'),
  'the log directory': (path: string) => path === DIRECTORY,
  'the file': (path: string) => path.endsWith('.log'),
}))
  test(`no descriptor for ${what} at a log's first flush: the append is refused, and the next one is taken`, () => {
    const exhaustion = new Exhaustion()
    const world = worldOf(exhaustion, 1)
    const log = world.createLog()
    exhaustion.refused = refused
    world.append(log, batchOf([{ value: 'refused' }], { id: 5, sequence: 0 }))
    world.settle()
    assert.ok(exhaustion.refusals > 0)
    assert.deepEqual(world.failed, [{ log: 't-0', fromOffset: 0, code: 'EMFILE' }])
    assert.equal(log.offline, null)
    assert.equal(world.manager.directories[0].offline, null)
    assert.equal(log.writtenEndOffset, 0)
    exhaustion.refused = () => false
    // The same sequence again, as an idempotent producer does after a refusal.
    world.append(log, batchOf([{ value: 'taken' }], { id: 5, sequence: 0 }))
    world.settle()
    assert.equal(log.writtenEndOffset, 1)
    world.powerCutAndRestart({ keep: 'none' })
    assert.deepEqual(
      recordsIn(world.read(world.log(), 0) as Buffer).map(({ value }) => value),
      ['taken'],
    )
  })

test('no descriptor for an older segment that an ack waits for: the ack comes when there is one', () => {
  const exhaustion = new Exhaustion()
  const world = worldOf(exhaustion, 2)
  const log = world.createLog()
  world.append(log, batchOf([{ value: 'x'.repeat(4000) }]))
  world.settle()
  assert.equal(log.writtenEndOffset, 1)
  const first = `${DIRECTORY}/t-0/00000000000000000000.log`
  exhaustion.refused = (path) => path === first
  // Rolls; the first segment is not on the device yet.
  world.append(log, batchOf([{ value: 'y'.repeat(4000) }]))
  world.settle(1000)
  assert.ok(exhaustion.refusals > 2)
  assert.equal(log.writtenEndOffset, 1)
  assert.deepEqual(world.failed, [])
  assert.equal(log.offline, null)
  exhaustion.refused = () => false
  world.settle(200)
  assert.equal(log.writtenEndOffset, 2)
  world.powerCutAndRestart({ keep: 'none' })
  assert.equal(world.log().appendEndOffset, 2)
})

test('no descriptor for the active segment: the append is refused, and the log goes on', () => {
  const exhaustion = new Exhaustion()
  const world = worldOf(exhaustion, Number.POSITIVE_INFINITY)
  const [log, other] = [world.createLog('t'), world.createLog('u')]
  // With one file open at a time, the other log's closes this one's.
  world.append(log, batchOf([{}]))
  world.settle()
  world.append(other, batchOf([{}]))
  world.settle()
  exhaustion.refused = (path) => path.startsWith(`${DIRECTORY}/t-0`)
  for (let i = 0; i < 3; i++) {
    world.append(log, batchOf([{}]))
    world.settle()
    assert.deepEqual(world.failed.pop(), { log: 't-0', fromOffset: 1, code: 'EMFILE' })
  }
  assert.equal(world.manager.directories[0].offline, null)
  exhaustion.refused = () => false
  assert.equal(world.append(log, batchOf([{}])).baseOffset, 1)
  world.settle()
  assert.equal(log.writtenEndOffset, 2)
})

test('no descriptor for what a stop has to bring to the device: it is not a clean one', async () => {
  const exhaustion = new Exhaustion()
  const world = worldOf(exhaustion, Number.POSITIVE_INFINITY)
  const log = world.createLog()
  world.append(log, batchOf([{}]))
  world.settle()
  exhaustion.refused = (path) => path === `${DIRECTORY}/t-0`
  await world.stop()
  const { fs } = world.machine.start()
  assert.equal(fs.exists(`${DIRECTORY}/.kafka_cleanshutdown`), false)
})

test('a wait for the device that fails is the end of the directory, whatever it says', () => {
  for (const code of ['EIO', 'ENOSPC', 'EDQUOT']) {
    const world = new World({ config: { flushMessages: 1 } })
    const log = world.createLog()
    world.machine.disk.inject({ call: 'sync', code, path: (path) => path.endsWith('.log') })
    world.append(log, batchOf([{}]))
    world.settle()
    assert.ok(world.manager.directories[0].offline, code)
    assert.equal(world.failed.length, 1)
    assert.ok(world.wait((done) => log.flush(done)) instanceof Error)
  }
})

test('what waits for a log to be idle is told when its flush fails', () => {
  const world = new World({ config: { flushMessages: 1 } })
  const log = world.createLog()
  world.machine.disk.inject({ call: 'sync', path: (path) => path.endsWith('.log') })
  world.append(log, batchOf([{}]))
  const told: (Error | null)[] = []
  world.settle(0)
  log.truncateTo(0, (error) => told.push(error))
  assert.equal(told.length, 0)
  world.settle()
  assert.ok(told[0] instanceof Error)
})

test('a disk that is full even for the truncation of a failed write: the directory goes offline, no append hangs', () => {
  const world = new World()
  const log = world.createLog()
  world.append(log, batchOf([{}]))
  world.settle()
  const { disk } = world.machine
  disk.inject({ call: 'write', code: 'ENOSPC', path: (path) => path.endsWith('.log') })
  disk.inject({ call: 'truncate', code: 'ENOSPC' })
  world.append(log, batchOf([{}]))
  world.settle()
  assert.ok(world.manager.directories[0].offline)
  assert.equal(world.failed.length, 1)
  assert.equal(world.append(log, batchOf([{}])).errorCode, 56)
})

test('files kept open make room for those that are needed for a moment', async () => {
  const descriptors = new Descriptors()
  const world = new World({
    config: { segmentBytes: 300 },
    manager: { tailBytesMax: 0, producerIdExpirationMs: Number.POSITIVE_INFINITY },
    fileSystem: (fs) => descriptors.over(fs),
  })
  for (const topic of ['a', 'b']) {
    const log = world.createLog(topic)
    for (let i = 0; i < 10; i++) world.append(log, batchOf([{ timestamp: i }], { id: 3, sequence: i }))
  }
  world.settle()
  await world.stopAndRestart()
  const [log, other] = [world.log('a'), world.log('b')]
  for (let offset = 0; offset < 10; offset++) world.read(other, offset)
  assert.ok(descriptors.open.size > 1)
  descriptors.filesMax = descriptors.open.size
  // Needs the indexes, and then the newest snapshot of the producers.
  assert.equal(log.fetchOffsetByTimestamp(7)?.offset, 7)
  assert.deepEqual(
    log.activeProducers().map(({ lastSequence }) => lastSequence),
    [9],
  )
  world.append(log, batchOf([{}], { id: 3, sequence: 10 }))
  assert.equal(
    world.wait((done) => log.flush(done)),
    null,
  )
  assert.deepEqual(world.failed, [])
})

test('a question that cannot be answered is told from one whose answer is nothing', async () => {
  const exhaustion = new Exhaustion()
  const world = worldOf(exhaustion, Number.POSITIVE_INFINITY)
  const log = world.createLog('t', 0)
  for (let i = 0; i < 10; i++) world.append(log, batchOf([{ value: 'x'.repeat(900), timestamp: i }]))
  world.settle()
  await world.stopAndRestart()
  const again = world.log()
  const questions: (() => unknown)[] = [
    () => again.fetchOffsetByTimestamp(5),
    () => again.fetchMaxTimestamp(),
    () => again.abortedTransactionsIn(0, 10),
    () => again.offsetForLeaderEpoch(0),
  ]
  exhaustion.refused = () => true
  for (const question of questions) assert.equal(again.answered(question), null)
  exhaustion.refused = () => false
  assert.equal(again.answered(() => again.fetchOffsetByTimestamp(5))?.offset, 5)
  assert.deepEqual(again.answered(questions[2]), [])
  for (const question of questions) assert.notEqual(again.answered(question), null)
})

for (const [what, name] of Object.entries({ 'the lock': '.lock', 'a log': '.log', 'the identity': 'meta.properties' }))
  test(`no descriptor for ${what} at a start: it fails and says so, and the next one finds everything`, () => {
    const exhaustion = new Exhaustion()
    const world = worldOf(exhaustion, 1)
    world.append(world.createLog(), batchOf([{ value: 'kept' }]))
    world.settle()
    exhaustion.refused = (path) => path.endsWith(name)
    const refusals = exhaustion.refusals
    assert.throws(
      () => world.killAndRestart(),
      (error: StorageError) => error.code === 'IO' && error.message.includes('no file descriptor is left'),
    )
    assert.ok(exhaustion.refusals > refusals)
    exhaustion.refused = () => false
    world.killAndRestart()
    assert.equal(world.manager.directories[0].offline, null)
    assert.equal(world.log().offline, null)
    assert.deepEqual(
      recordsIn(world.read(world.log(), 0) as Buffer).map(({ value }) => value),
      ['kept'],
    )
  })
