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

test('of two processes that take over the same leftover, whatever comes between whose steps, one has it', () => {
  const second: ProcessIdentity = { pid: 9, startedAt: 'now', bootId: 'b' }
  const isAlive = ({ pid }: ProcessIdentity): boolean => pid !== other.pid
  for (const leftover of [JSON.stringify(other), '', null]) {
    let refused = 0
    for (let before = 0, steps = 1; before < steps; before++) {
      const world = new World()
      const { fs, logger } = world.runtime
      if (leftover === null) fs.mkdir('/d')
      else hold(world, leftover)
      const tryFor = (identity: ProcessIdentity, on: typeof fs): boolean => {
        try {
          DirectoryLock.acquire(on, logger, '/d', identity, isAlive)
          return true
        } catch (error) {
          assert.ok(locked(error), String(error))
          return false
        }
      }
      let secondHas: boolean | undefined
      steps = 0
      const step = (): void => {
        if (steps++ === before) secondHas = tryFor(second, fs)
      }
      // Every call of the first process on the disk, and every one on a file it opens.
      const watched: typeof fs = new Proxy(fs, {
        get: (target, name) => callsOf(target, name, (result) => (name === 'open' ? watchedFile(result) : result)),
      })
      const watchedFile = (file: object): object =>
        new Proxy(file, { get: (target, name) => callsOf(target, name, (result) => result) })
      const callsOf = (target: object, name: string | symbol, wrap: (result: object) => object) => {
        const value = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          step()
          return wrap(value.apply(target, args))
        }
      }
      const firstHas = tryFor(me, watched)
      assert.notEqual(firstHas && secondHas === true, true, `both have it: before step ${before} of ${steps}`)
      assert.ok(firstHas || secondHas === true, `nobody has it: before step ${before} of ${steps}`)
      if (!firstHas || secondHas === false) refused++
    }
    assert.ok(refused > 0, `${refused} refused`)
  }
})
