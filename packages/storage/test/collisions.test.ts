import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StorageError, type StorageErrorCode } from '../src/index.ts'
import { caseBlind } from './support/file-systems.ts'
import { batchOf, World } from './support/world.ts'

const refusedWith =
  (code: StorageErrorCode) =>
  (error: unknown): boolean =>
    error instanceof StorageError && error.code === code

test('where the disk cannot tell names apart by case, topics that differ only so are refused', () => {
  const world = new World({ fileSystem: caseBlind })
  world.createLog('Orders')
  world.createLog('Orders', 1)
  // Of the same partition, the folder is found to be there before the names are compared.
  for (const partition of [0, 1]) assert.throws(() => world.createLog('orders', partition), StorageError)
  assert.throws(() => world.createLog('orders', 2), refusedWith('CASE_COLLISION'))
  world.createLog('invoices')
  // Once it is gone the other spelling is free.
  world.manager.deleteLog('Orders', 0)
  assert.throws(() => world.createLog('orders', 2), refusedWith('CASE_COLLISION'))
  world.manager.deleteLog('Orders', 1)
  assert.equal(world.append(world.createLog('orders', 2), batchOf([{}])).errorCode, 0)
})

test('the same after a restart', async () => {
  const world = new World({ fileSystem: caseBlind })
  world.append(world.createLog('Orders'), batchOf([{}]))
  world.settle()
  await world.stopAndRestart()
  assert.throws(() => world.createLog('orders', 1), refusedWith('CASE_COLLISION'))
})

test('where it can, they are two topics', () => {
  const world = new World()
  world.createLog('Orders')
  world.createLog('orders')
  assert.equal([...world.manager.logs()].length, 2)
})

test('a log that is there is not made again, in no directory', () => {
  const world = new World({ manager: { directories: ['/a', '/b'] } })
  world.createLog('t', 0)
  assert.throws(() => world.createLog('t', 0), refusedWith('ALREADY_EXISTS'))
  // A folder that nobody knows of.
  world.runtime.fs.mkdir('/b/t-1')
  assert.throws(() => world.createLog('t', 1), refusedWith('ALREADY_EXISTS'))
})
