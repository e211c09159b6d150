import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DirectoryLock } from '../src/files/directory-lock.ts'
import { type ProcessIdentity, StorageError } from '../src/index.ts'
import { withCalls } from './support/file-systems.ts'
import { World } from './support/world.ts'

const me: ProcessIdentity = { pid: 7, startedAt: 'now', bootId: 'b' }
const other: ProcessIdentity = { pid: 8, startedAt: 'now', bootId: 'b' }

function acquire(world: World, fs = world.runtime.fs, isAlive = (_: ProcessIdentity): boolean => true): DirectoryLock {
  return DirectoryLock.acquire(fs, world.runtime.logger, '/d', me, isAlive)
}

const locked = (error: unknown): boolean => error instanceof StorageError && error.code === 'DIRECTORY_LOCKED'

function hold(world: World, content: string): void {
  world.runtime.fs.mkdir('/d')
  const file = world.runtime.fs.open('/d/.lock', 'w+')
  file.writeSync(Buffer.from(content), 0)
  file.close()
}

test('the holder is asked for by pid, start and boot; only one that lives keeps others out', () => {
  const world = new World()
  hold(world, JSON.stringify(other))
  assert.throws(() => acquire(world), locked)
  const asked: ProcessIdentity[] = []
  const lock = acquire(world, world.runtime.fs, (holder) => {
    asked.push(holder)
    return false
  })
  assert.deepEqual(asked, [other])
  const line = world.machine.log.find(({ message }) => message.includes('took over the lock'))
  assert.deepEqual(line?.fields, { directory: '/d', pid: 8 })
  lock.release()
  assert.equal(world.runtime.fs.exists('/d/.lock'), false)
})

test('a lock file that says nothing is nobody’s: Apache Kafka leaves an empty one', () => {
  for (const content of ['', 'garbage', '{}', '{"pid":"8"}']) {
    const world = new World()
    hold(world, content)
    acquire(world).release()
  }
})

test('of two processes that find no lock, the second is refused', () => {
  const world = new World()
  world.runtime.fs.mkdir('/d')
  let looks = 0
  // The other one makes its lock after we have looked.
  const late = withCalls(world.runtime.fs, {
    exists: (path) => {
      if (path === '/d/.lock' && ++looks === 2) hold(world, JSON.stringify(other))
      return looks <= 2 ? false : world.runtime.fs.exists(path)
    },
  })
  assert.throws(() => acquire(world, late), locked)
  assert.throws(() => acquire(world), locked)
})
