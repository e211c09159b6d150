/** Several log directories, of which one cannot be used when the manager starts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DiskFault } from '@ottla/runtime/sim'
import { LogManager, type LogManagerOptions, type PartitionLog, StorageError } from '../src/index.ts'
import { batchOf, recordsIn, World } from './support/world.ts'

const OLD_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'
const NEW_ID = 'AAAAAAAAAAAAAAAAAAAAAg'
const STORAGE_ERROR = 56

/** `t-0` in `/a` and `t-1` in `/b`, with one record each. */
function twoDirectories(): World {
  const world = new World({ manager: { directories: ['/a', '/b'] } })
  for (const partition of [0, 1]) {
    world.append(world.createLog('t', partition), batchOf([{ value: `of ${partition}` }]))
    world.settle()
  }
  assert.equal(world.log('t', 1).directory, '/b/t-1')
  return world
}

let starts = 0

/** The last process is gone; another opens the directories. */
function start(world: World, options: Partial<LogManagerOptions> = {}): LogManager {
  world.runtime = world.machine.start()
  world.manager = LogManager.open(world.runtime, {
    directories: ['/a', '/b'],
    nodeId: 1,
    clusterId: 'cluster',
    identity: { pid: 1000 + ++starts, startedAt: '1', bootId: 'b' },
    isAlive: () => false,
    configOf: () => world.config,
    listener: world,
    ...options,
  })
  return world.manager
}

function valuesOf(world: World, log: PartitionLog): (string | null | undefined)[] {
  const bytes = world.read(log, 0)
  assert.ok(bytes instanceof Buffer, `${log.name}: ${String(bytes)}`)
  return recordsIn(bytes).map(({ value }) => value)
}

function offlineOf(manager: LogManager): string[] {
  return manager.directories.filter(({ offline }) => offline !== null).map(({ path }) => path)
}

function writeFile(world: World, path: string, content = ''): void {
  const file = world.runtime.fs.open(path, 'w+')
  if (content !== '') file.writeSync(Buffer.from(content), 0)
  file.close()
}

function isWithin(file: string): (path: string) => boolean {
  return (path) => path === file || path.startsWith(`${file}/`)
}

/** The log of `t-1` lies in `/b`, which is offline; nothing of it may be made anew. */
function assertOnlyBIsOffline(world: World, what: string): void {
  const { manager } = world
  assert.deepEqual(offlineOf(manager), ['/b'], what)
  assert.deepEqual(valuesOf(world, world.log('t', 0)), ['of 0'], what)
  const known = manager.getLog('t', 1) ?? manager.restoreLog('t', 1, OLD_ID, world.config)
  assert.ok(known.offline !== null, what)
  assert.equal(world.append(known, batchOf([{}])).errorCode, STORAGE_ERROR)
  assert.equal(world.read(known, 0), 'offline')
  assert.equal(known.deleteRecordsBefore(0), 0)
  assert.deepEqual(known.activeProducers(), [])
  assert.equal(world.runtime.fs.exists('/a/t-1'), false, what)
  // What has never been hosted is no concern of the broken directory.
  assert.equal(world.createLog('u', starts).directory, `/a/u-${starts}`)
}

const STAGES: readonly (readonly [stage: string, clean: boolean, fault: DiskFault])[] = [
  ['the stamp is read', true, { call: 'read', path: isWithin('/b/ottla.format') }],
  ['the stamp is opened', true, { call: 'open', code: 'EACCES', path: isWithin('/b/ottla.format') }],
  ['meta.properties is read', true, { call: 'read', path: isWithin('/b/meta.properties') }],
  ['meta.properties is read again', true, { call: 'read', path: isWithin('/b/meta.properties'), after: 1 }],
  ['the lock is taken', true, { call: 'open', code: 'EROFS', path: isWithin('/b/.lock') }],
  ['the lock is written', true, { call: 'write', code: 'ENOSPC', path: isWithin('/b/.lock') }],
  ['the marker is read', true, { call: 'read', path: isWithin('/b/.kafka_cleanshutdown') }],
  ['the checkpoint is read', true, { call: 'open', path: isWithin('/b/recovery-point-offset-checkpoint') }],
  ['the marker is removed', true, { call: 'unlink', path: isWithin('/b/.kafka_cleanshutdown') }],
  ['the segments are recovered', false, { call: 'read', path: isWithin('/b/t-1') }],
  ['what was recovered is synced', false, { call: 'sync-dir', path: isWithin('/b') }],
  ['the recovery points are written', false, { call: 'sync', path: isWithin('/b') }],
]

test('a directory that fails at any stage of the start is offline until the next; the other is served', async (t) => {
  for (const [stage, clean, fault] of STAGES) {
    await t.test(stage, async () => {
      const world = twoDirectories()
      if (clean) await world.stop()
      else world.machine.kill()
      world.machine.disk.inject(fault)
      start(world)
      assertOnlyBIsOffline(world, stage)
      world.machine.kill()
      start(world)
      assert.deepEqual(offlineOf(world.manager), [])
      assert.deepEqual(valuesOf(world, world.log('t', 1)), ['of 1'])
    })
  }
})

test('a directory that is a file, and one whose own files are damaged', async () => {
  const world = twoDirectories()
  await world.stop()
  const { fs } = world.machine.start()
  fs.rename('/b', '/away')
  writeFile(Object.assign(world, { runtime: { ...world.runtime, fs } }), '/b')
  world.machine.kill()
  start(world)
  assertOnlyBIsOffline(world, 'a file')
  world.runtime.fs.unlink('/b')
  world.runtime.fs.rename('/away', '/b')
  writeFile(world, '/b/ottla.format', 'x')
  world.machine.kill()
  start(world)
  assertOnlyBIsOffline(world, 'a damaged stamp')
  writeFile(world, '/b/ottla.format', '{"format":1}\n')
  world.machine.kill()
  start(world)
  assert.deepEqual(offlineOf(world.manager), [])
  assert.deepEqual(valuesOf(world, world.log('t', 1)), ['of 1'])
})

test('with no directory left nothing is opened, and nothing is held', () => {
  const world = twoDirectories()
  world.machine.kill()
  world.machine.disk.inject({ call: 'read', path: isWithin('/a/meta.properties') })
  world.machine.disk.inject({ call: 'open', path: isWithin('/b/.lock'), after: 1 })
  const isIo = (error: unknown): boolean => error instanceof StorageError && error.code === 'IO'
  assert.throws(() => start(world), isIo)
  world.machine.kill()
  // The same while the logs are opened.
  for (const log of ['/a/t-0', '/b/t-1']) world.machine.disk.inject({ call: 'read', path: isWithin(log) })
  assert.throws(() => start(world), isIo)
  // In the same process: no lock is left.
  const { fs } = world.runtime
  LogManager.lock({ ...world.runtime, fs }, lockOptions()).release()
  world.machine.kill()
  assert.deepEqual(valuesOf(world, start(world).getLog('t', 1)!), ['of 1'])
})

function lockOptions(): Parameters<typeof LogManager.lock>[1] {
  return {
    directories: ['/a', '/b'],
    nodeId: 1,
    clusterId: null,
    identity: { pid: 1000 + starts, startedAt: '1', bootId: 'b' },
    isAlive: () => true,
  }
}

test('an empty mount point is not taken for the directory, however often; the volume comes back whole', async () => {
  const world = twoDirectories()
  await world.stop()
  world.machine.start().fs.rename('/b', '/volume')
  for (let i = 0; i < 3; i++) {
    world.machine.kill()
    start(world)
    assert.match(String(world.manager.directories[1].offline?.message), /is empty: is its volume mounted\?/)
    assertOnlyBIsOffline(world, 'empty')
    if (i === 1) await world.stop()
  }
  const { fs } = world.runtime
  assert.deepEqual(fs.readdir('/b'), ['.lock'])
  fs.unlink('/b/.lock')
  fs.rmdir('/b')
  fs.rename('/volume', '/b')
  world.machine.kill()
  start(world)
  assert.deepEqual(offlineOf(world.manager), [])
  assert.deepEqual(valuesOf(world, world.log('t', 1)), ['of 1'])
})

test('another directory behind the path of one is not taken for it; two that changed places are', async () => {
  const world = twoDirectories()
  const ids = world.manager.directories.map(({ directoryId }) => directoryId)
  await world.stop()
  start(world, { directories: ['/a', '/c'] })
  assert.deepEqual(offlineOf(world.manager), [])
  await world.stop()
  const disk = world.machine.start().fs
  disk.rename('/b', '/away')
  disk.rename('/c', '/b')
  world.machine.kill()
  start(world, { directories: ['/a', '/b'] })
  // `/b` was forgotten with the start without it: this is a new one.
  assert.deepEqual(offlineOf(world.manager), [])
  world.machine.kill()
  const { fs } = world.machine.start()
  fs.rename('/b', '/c')
  fs.rename('/away', '/b')
  world.machine.kill()
  start(world)
  assert.match(String(world.manager.directories[1].offline?.message), /now is the directory /)
  world.machine.kill()
  // Both are there, under other paths than before.
  start(world, { directories: ['/a', '/c', '/b'] })
  assert.deepEqual(offlineOf(world.manager), [])
  assert.equal(world.manager.directories[2].directoryId, ids[1])
  assert.deepEqual(valuesOf(world, world.log('t', 1)), ['of 1'])
})

test('what is lost for good begins anew once its directory is no longer configured, with a line that says so', async () => {
  const world = twoDirectories()
  await world.stop()
  start(world, { directories: ['/a'] })
  assert.equal(world.manager.restoreLog('t', 1, OLD_ID, world.config).directory, '/a/t-1')
  assert.ok(world.machine.log.some(({ message }) => message.includes('begins anew, empty')))
  await world.stop()
  const { fs } = world.machine.start()
  fs.rename('/b', '/broken')
  world.machine.kill()
  start(world)
  assert.deepEqual(offlineOf(world.manager), [])
})

test('a directory that has lost its meta.properties keeps its id', async () => {
  const world = twoDirectories()
  const before = world.manager.directories
  await world.stop()
  world.machine.start().fs.unlink('/b/meta.properties')
  world.machine.kill()
  assert.deepEqual(start(world).directories, before)
})

test('a partition that was deleted while its directory was away is removed when that is back', async (t) => {
  for (const again of [false, true]) {
    await t.test(again ? 'and made anew in between' : 'for good', async () => {
      const world = twoDirectories()
      await world.stop()
      world.machine.disk.inject({ call: 'open', path: isWithin('/b/.lock') })
      const topics = new Map([['t', OLD_ID]])
      const topicIdOf = (topic: string): string | null => topics.get(topic) ?? null
      start(world, { topicIdOf })
      world.manager.restoreLog('t', 1, OLD_ID, world.config)
      topics.delete('t')
      for (const partition of [0, 1]) world.manager.deleteLog('t', partition, OLD_ID)
      if (again) {
        topics.set('t', NEW_ID)
        for (const partition of [0, 1]) {
          const log = world.manager.createLog('t', partition, NEW_ID, world.config)
          world.append(log, batchOf([{ value: `again ${partition}` }]))
        }
      }
      world.settle()
      await world.stop()
      start(world, { topicIdOf })
      assert.deepEqual(offlineOf(world.manager), [])
      world.settle(120_000)
      assert.deepEqual(
        world.runtime.fs.readdir('/b').filter((name) => name.startsWith('t-')),
        [],
      )
      if (again) assert.deepEqual(valuesOf(world, world.log('t', 1)), ['again 1'])
      else assert.equal(world.manager.getLog('t', 1), undefined)
      // It is forgotten: the same id, come back some other way, is not removed a second time.
      const record = '/a/ottla.directories'
      const file = world.runtime.fs.open(record, 'r')
      const bytes = Buffer.alloc(file.size())
      file.readSync(bytes, 0, bytes.length, 0)
      file.close()
      assert.deepEqual((JSON.parse(bytes.toString()) as { deleted: object }).deleted, {})
      await world.stop()
    })
  }
})

test('the same partition in two directories: who has the topic’s id stays, and without a difference nobody starts', async () => {
  const world = twoDirectories()
  world.manager.createLog('t', 2, OLD_ID, world.config, '/a')
  world.append(world.log('t', 2), batchOf([{ value: 'here' }]))
  world.settle()
  await world.stop()
  start(world, { directories: ['/b'] })
  world.append(world.manager.createLog('t', 2, NEW_ID, world.config), batchOf([{ value: 'there' }]))
  world.settle()
  await world.stop()
  const isTwice = (error: unknown): boolean =>
    error instanceof StorageError &&
    error.code === 'ALREADY_EXISTS' &&
    error.message === 't-2 is in two directories, /a/t-2 and /b/t-2: remove one.'
  assert.throws(() => start(world), isTwice)
  world.machine.kill()
  assert.throws(() => start(world, { topicIdOf: () => null }), isTwice)
  world.machine.kill()
  start(world, { topicIdOf: () => NEW_ID })
  assert.equal(world.log('t', 2).directory, '/b/t-2')
  assert.deepEqual(valuesOf(world, world.log('t', 2)), ['there'])
  world.settle(120_000)
  // Not deleted by anybody, as far as is known: it is kept, out of the way.
  assert.equal(world.runtime.fs.readdir('/a').filter((name) => /^t-2\.[0-9a-f]{32}-stray$/.test(name)).length, 1)
  await world.stop()
  start(world, { topicIdOf: () => NEW_ID })
  assert.deepEqual(valuesOf(world, world.log('t', 2)), ['there'])
})

test('after a kill, or with a directory away, a log of an earlier topic is not taken for its successor’s', async () => {
  const world = twoDirectories()
  await world.stop()
  start(world, { topicIdOf: () => NEW_ID })
  // After a clean stop nobody looks: nothing can have been left behind.
  assert.deepEqual(valuesOf(world, world.log('t', 0)), ['of 0'])
  world.machine.kill()
  start(world, { topicIdOf: () => NEW_ID })
  assert.equal(world.manager.getLog('t', 0), undefined)
  assert.equal(world.createLog('t', 0).appendEndOffset, 0)
})

test('a leftover of a topic that nobody knows makes room for a new topic of its name', () => {
  const world = twoDirectories()
  world.manager.setAsideOther('t', 0, OLD_ID)
  assert.equal(world.log('t', 0).appendEndOffset, 1)
  world.manager.setAsideOther('t', 0, NEW_ID)
  assert.equal(world.manager.getLog('t', 0), undefined)
  assert.equal(world.manager.createLog('t', 0, NEW_ID, world.config).appendEndOffset, 0)
})

test('a log that one directory cannot take is made in another', () => {
  const world = new World({ manager: { directories: ['/a', '/b'] } })
  // No room: nothing is wrong with the directory, and nothing is left in it.
  world.machine.disk.inject({ call: 'write', code: 'ENOSPC', path: isWithin('/a/t-0') })
  assert.equal(world.createLog('t', 0).directory, '/b/t-0')
  assert.deepEqual(offlineOf(world.manager), [])
  assert.equal(world.runtime.fs.exists('/a/t-0'), false)
  world.machine.disk.inject({ call: 'mkdir', path: isWithin('/a/t-1') })
  assert.equal(world.createLog('t', 1).directory, '/b/t-1')
  assert.deepEqual(offlineOf(world.manager), ['/a'])
  world.machine.disk.inject({ call: 'mkdir', path: isWithin('/b/t-2') })
  assert.throws(() => world.createLog('t', 2), { code: 'IO' })
  assert.throws(() => world.createLog('t', 3), { code: 'IO', message: 'no log directory is usable' })
})

test('directories of two clusters are not served by one broker', async () => {
  const world = twoDirectories()
  await world.stop()
  writeFile(
    Object.assign(world, { runtime: world.machine.start() }),
    '/b/meta.properties',
    'version=1\nnode.id=1\ncluster.id=x\n',
  )
  world.machine.kill()
  world.runtime = world.machine.start()
  assert.throws(() => LogManager.lock(world.runtime, lockOptions()), { code: 'WRONG_IDENTITY' })
})
