import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpenFiles } from '../src/open-files.ts'
import { Descriptors } from './support/file-systems.ts'
import { batchOf, recordsIn, World } from './support/world.ts'

function files(filesMax: number, descriptors = new Descriptors()): { files: OpenFiles; descriptors: Descriptors } {
  const { fs } = new World().runtime
  for (const name of ['a', 'b', 'c', 'd']) fs.open(`/${name}`, 'w+').close()
  return { files: new OpenFiles(descriptors.over(fs), filesMax), descriptors }
}

const names = ({ open }: Descriptors): string => [...open].map((name) => name[1]).join('')

test('no more files are open than allowed; the one used longest ago is closed', () => {
  const { files: open, descriptors } = files(3)
  for (const name of ['/a', '/b', '/c']) open.release(open.acquire(name))
  open.release(open.acquire('/a'))
  open.release(open.acquire('/d'))
  assert.equal(names(descriptors), 'acd')
  open.release(open.acquire('/b'))
  assert.equal(names(descriptors), 'adb')
  assert.equal(descriptors.most, 3)
  open.closeAll()
  assert.equal(descriptors.open.size, 0)
})

test('a file under an operation stays open; with all of them in use, one more is opened', () => {
  const { files: open, descriptors } = files(2)
  const first = open.acquire('/a')
  open.release(open.acquire('/b'))
  open.release(open.acquire('/c'))
  assert.equal(names(descriptors), 'ac')
  const second = open.acquire('/c')
  const third = open.acquire('/d')
  assert.equal(names(descriptors), 'acd')
  for (const handle of [first, second, third]) open.release(handle)
  open.release(open.acquire('/b'))
  assert.equal(descriptors.open.size, 2)
})

test('a file that is renamed or removed is closed once nobody uses it', () => {
  const { files: open, descriptors } = files(4)
  const handle = open.acquire('/a')
  open.detach('/a')
  assert.equal(names(descriptors), 'a')
  const again = open.acquire('/a')
  assert.notEqual(again, handle)
  open.release(handle)
  assert.equal(names(descriptors), 'a')
  assert.equal(again.detached, false)
  open.release(again)
})

test('where descriptors run out sooner, files nobody uses are closed for others', () => {
  const { files: open, descriptors } = files(100)
  descriptors.filesMax = 2
  const first = open.acquire('/a')
  for (const name of ['/b', '/c', '/d', '/b']) open.release(open.acquire(name))
  assert.equal(names(descriptors), 'ab')
  const second = open.acquire('/b')
  assert.throws(() => open.acquire('/c'), { code: 'EMFILE' })
  open.release(first)
  open.release(open.acquire('/c'))
  open.release(second)
})

test('a log manager with many logs keeps to its files, and reads and writes all of them', () => {
  const descriptors = new Descriptors()
  const world = new World({
    manager: { openFilesMax: 4, tailBytesMax: 0 },
    fileSystem: (fs) => descriptors.over(fs),
  })
  const logs = Array.from({ length: 20 }, (_, i) => world.createLog('t', i))
  for (let round = 0; round < 3; round++)
    for (const log of logs) {
      assert.equal(world.append(log, batchOf([{ value: `${log.name} ${round}` }])).errorCode, 0)
      world.settle(5)
    }
  // One more at a time for a checkpoint or an index.
  assert.ok(descriptors.most <= 5, `${descriptors.most} files were open`)
  for (const log of logs)
    assert.deepEqual(
      recordsIn(world.read(log, 0) as Buffer).map((record) => record.value),
      [0, 1, 2].map((round) => `${log.name} ${round}`),
    )
  assert.ok(descriptors.most <= 5)
})
