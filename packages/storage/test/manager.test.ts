import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LogManager, StorageError, type StorageErrorCode } from '../src/index.ts'
import { batchOf, DIRECTORY, recordsIn, World } from './support/world.ts'

function refusedWith(code: StorageErrorCode, action: () => unknown): string {
  let message = ''
  assert.throws(action, (error: unknown) => {
    message = (error as Error).message
    return error instanceof StorageError && error.code === code
  })
  return message
}

function open(world: World, options: Partial<Parameters<typeof LogManager.open>[1]> = {}): LogManager {
  return LogManager.open(world.runtime, {
    directories: [DIRECTORY],
    nodeId: 1,
    clusterId: 'cluster',
    identity: { pid: 77, startedAt: '1', bootId: 'b' },
    isAlive: () => false,
    configOf: () => world.config,
    listener: world,
    ...options,
  })
}

function write(world: World, path: string, content: string): void {
  const file = world.runtime.fs.open(path, 'w+')
  file.writeSync(Buffer.from(content), 0)
  file.close()
}

function read(world: World, path: string): string {
  const file = world.runtime.fs.open(path, 'r')
  const bytes = Buffer.alloc(file.size())
  file.readSync(bytes, 0, bytes.length, 0)
  file.close()
  return bytes.toString()
}

test('a directory in use is refused, one left by a killed process is taken over', () => {
  const world = new World()
  assert.match(
    refusedWith('DIRECTORY_LOCKED', () => open(world, { isAlive: () => true })),
    /in use by the process 1/,
  )
  // The same process, twice.
  refusedWith('DIRECTORY_LOCKED', () => open(world, { identity: { pid: 1, startedAt: '0', bootId: 'b' } }))
  world.manager.abandon()
  open(world, { identity: { pid: 1, startedAt: '0', bootId: 'b' } }).abandon()
  open(world).abandon()
  assert.ok(world.machine.log.some((line) => line.message.includes('took over the lock')))
})

test('a directory of Apache Kafka is not touched without leave', () => {
  const world = new World()
  const { fs } = world.runtime
  const directory = '/kafka'
  fs.mkdir(`${directory}/old-0`)
  write(
    world,
    `${directory}/meta.properties`,
    '#\n#Sun Nov 22 2026\nnode.id=1\nversion=1\ncluster.id=theirs\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\n',
  )
  write(world, `${directory}/old-0/partition.metadata`, 'version: 0\ntopic_id: chQzDVVPSG-Hgee77FyClw')
  const before = fs.readdir(directory)
  refusedWith('FOREIGN_DIRECTORY', () => open(world, { directories: [directory] }))
  assert.deepEqual(fs.readdir(directory), before)
  const manager = open(world, { directories: [directory], adopt: true, clusterId: null })
  assert.equal(manager.clusterId, 'theirs')
  assert.equal(manager.getLog('old', 0)?.topicId, 'chQzDVVPSG-Hgee77FyClw')
  assert.equal(manager.directories[0].directoryId, 'AAAAAAAAAAAAAAAAAAAAAQ')
  manager.abandon()
  // From now on it is ours.
  open(world, { directories: [directory], clusterId: 'theirs' }).abandon()
})

test('a directory of another node, another cluster or a newer format is refused', () => {
  const world = new World()
  world.manager.abandon()
  refusedWith('WRONG_IDENTITY', () => open(world, { nodeId: 2 }))
  refusedWith('WRONG_IDENTITY', () => open(world, { clusterId: 'other' }))
  write(world, `${DIRECTORY}/ottla.format`, '{"format":2}\n')
  assert.match(
    refusedWith('NEWER_FORMAT', () => open(world)),
    /newer Ottla \(data format 2/,
  )
})

test('several directories: logs are spread, and a failed one leaves the others working', () => {
  const world = new World({ manager: { directories: ['/a', '/b'] } })
  const logs = [0, 1, 2, 3].map((partition) => world.createLog('t', partition))
  assert.deepEqual(
    logs.map((log) => log.directory),
    ['/a/t-0', '/b/t-1', '/a/t-2', '/b/t-3'],
  )
  world.machine.disk.inject({ call: 'write', path: (path) => path.startsWith('/a/') })
  world.append(logs[0], batchOf([{}]))
  world.settle()
  assert.ok(logs[0].offline && logs[2].offline)
  assert.equal(world.append(logs[1], batchOf([{}])).errorCode, 0)
  world.settle()
  assert.equal(logs[1].writtenEndOffset, 1)
  assert.deepEqual(
    world.manager.directories.map(({ path, offline }) => [path, offline !== null]),
    [
      ['/a', true],
      ['/b', false],
    ],
  )
  assert.equal(world.createLog('u').directory, '/b/u-0')
})

test('a log that may lie in a directory that could not be read is offline, not made anew in another', () => {
  const world = new World({ manager: { directories: ['/a', '/b'] } })
  world.append(world.createLog('t', 0), batchOf([{ value: 'kept' }]))
  world.settle()
  world.machine.kill()
  const mend = world.machine.disk.inject({ call: 'read', path: (path) => path.startsWith('/a/t-0/') })
  world.restart()
  assert.ok(world.manager.directories[0].offline)
  const known = world.manager.getLog('t', 0) ?? world.manager.restoreLog('t', 0, null, world.config)
  assert.match(String(known.offline?.message), /^\/a: /)
  assert.equal(world.append(known, batchOf([{}])).errorCode, 56)
  assert.equal(world.runtime.fs.exists('/b/t-0'), false)
  // A new one is no concern of the broken directory.
  assert.equal(world.createLog('u').directory, '/b/u-0')
  mend()
  world.killAndRestart()
  assert.equal(recordsIn(world.read(world.log(), 0) as Buffer)[0].value, 'kept')
  assert.equal(world.manager.restoreLog('t', 1, null, world.config).directory, '/a/t-1')
})

test('a clean stop leaves a marker, and it is gone once the next start is open', async () => {
  const world = new World()
  const log = world.createLog()
  world.append(log, batchOf([{}]))
  world.settle()
  await world.stop()
  world.runtime = world.machine.start()
  const marker = `${DIRECTORY}/.kafka_cleanshutdown`
  assert.match(read(world, marker), /^\{"version":0,"brokerEpoch":-1,/)
  assert.equal(read(world, `${DIRECTORY}/recovery-point-offset-checkpoint`), '0\n1\nt 0 1\n')
  const manager = open(world)
  assert.equal(world.runtime.fs.exists(marker), false)
  manager.abandon()
})

test('a damaged log is offline, the others are served', () => {
  const world = new World({ config: { flushMessages: 1 } })
  for (const topic of ['good', 'bad'])
    for (let i = 0; i < 10; i++)
      world.append(world.manager.getLog(topic, 0) ?? world.createLog(topic), batchOf([{ value: 'x'.repeat(900) }]))
  world.settle()
  // Not where recovery looks: the first of three segments.
  world.manager.checkpoint()
  world.machine.kill()
  world.machine.disk.flipBits(`${DIRECTORY}/bad-0/00000000000000000000.log`, 1200, 0x10)
  world.restart()
  const bad = world.log('bad')
  assert.equal(world.log('bad').offline, null)
  assert.equal(world.read(bad, 1), 'offline')
  assert.match(String(bad.offline?.message), /damaged/)
  assert.equal(world.append(bad, batchOf([{}])).errorCode, 56)
  assert.equal(recordsIn(world.read(world.log('good'), 0) as Buffer).length, 4)
  assert.equal(world.manager.directories[0].offline, null)
})

test('no cache is needed, and none that is damaged is believed', async () => {
  const world = new World({ config: { segmentBytes: 2000 }, manager: { tailBytesMax: 0 } })
  const log = world.createLog()
  for (let i = 0; i < 60; i++) {
    const producer = i % 3 === 0 ? { id: 4, sequence: i / 3 } : undefined
    world.append(log, batchOf([{ value: 'x'.repeat(100), timestamp: world.nowMs() + i * 7 }], producer), {
      leaderEpoch: i >> 4,
    })
    world.settle(2)
  }
  const facts = (): string => {
    const again = world.log()
    const records = [0, 17, 40, 59].map((offset) => recordsIn(world.read(again, offset, { maxBytes: 1 }) as Buffer)[0])
    const times = [0, 100, 200, 300].map((ms) => again.fetchOffsetByTimestamp(world.nowMs() - 3_600_000 + ms)?.offset)
    return JSON.stringify([
      records,
      times,
      again.fetchMaxTimestamp(),
      again.activeProducers(),
      [0, 1, 2, 3].map((epoch) => again.offsetForLeaderEpoch(epoch)),
      again.appendEndOffset,
    ])
  }
  await world.stop()
  const image = world.machine.disk.imageNow()
  const start = (damage: (path: string) => void, only: RegExp): string => {
    const other = new World({ image: image.fork(), config: { segmentBytes: 2000 }, manager: { tailBytesMax: 0 } })
    other.machine.kill()
    const { fs } = other.machine.start()
    for (const name of fs.readdir(`${DIRECTORY}/t-0`).filter((n) => only.test(n))) damage(`${DIRECTORY}/t-0/${name}`)
    other.machine.kill()
    Object.assign(world, { simulation: other.simulation, machine: other.machine })
    world.restart()
    return facts()
  }
  const expected = start(() => {}, /./)
  assert.ok(expected.includes('"producerId":4'))
  for (const only of [/\.index$/, /\.timeindex$/, /\.snapshot$/, /epoch/, /checksums/, /^(?!.*\.log)(?!partition)/]) {
    assert.equal(
      start((path) => remove(world, path), only),
      expected,
      `without ${only}`,
    )
    for (const position of [0, 1, 5, 11, 20]) {
      assert.equal(
        start((path) => flip(world, path, position), only),
        expected,
        `${only} damaged at ${position}`,
      )
    }
  }
})

function remove(world: World, path: string): void {
  world.runtime.fs.unlink(path)
}

function flip(world: World, path: string, position: number): void {
  const size = world.runtime.fs.stat(path)?.size ?? 0
  if (size > 0) world.machine.disk.flipBits(path, position % size, 1 << (position % 8))
}
