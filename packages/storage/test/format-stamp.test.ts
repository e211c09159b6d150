import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FileSystem } from '@ottla/runtime'
import { FORMAT, inspectDirectory, stampDirectory } from '../src/files/format-stamp.ts'
import { StorageError } from '../src/index.ts'
import { World } from './support/world.ts'

const DIRECTORY = '/other'

function write(fs: FileSystem, content: string): void {
  const file = fs.open(`${DIRECTORY}/ottla.format`, 'w+')
  file.writeSync(Buffer.from(content), 0)
  file.close()
}

function stampIn(fs: FileSystem): number {
  const file = fs.open(`${DIRECTORY}/ottla.format`, 'r')
  const bytes = Buffer.alloc(file.size())
  file.readSync(bytes, 0, bytes.length, 0)
  file.close()
  return JSON.parse(bytes.toString()).format
}

function folder(): FileSystem {
  const { fs } = new World().runtime
  fs.mkdir(DIRECTORY)
  return fs
}

test('a new directory gets the present format, without any upgrade', () => {
  const fs = folder()
  stampDirectory(fs, DIRECTORY, [() => assert.fail('an upgrade of nothing')])
  assert.equal(stampIn(fs), 2)
  const present = folder()
  stampDirectory(present, DIRECTORY)
  assert.equal(stampIn(present), FORMAT)
  assert.equal(inspectDirectory(present, DIRECTORY), 'ours')
})

test('an older directory is upgraded step by step; an interrupted upgrade goes on where it was', () => {
  const fs = folder()
  write(fs, '{"format":1}\n')
  const done: string[] = []
  let power = false
  const steps = [
    () => void done.push('1 to 2'),
    () => {
      if (!power) throw new Error('no power')
      done.push('2 to 3')
    },
  ]
  assert.throws(() => stampDirectory(fs, DIRECTORY, steps), /no power/)
  assert.equal(stampIn(fs), 2)
  power = true
  stampDirectory(fs, DIRECTORY, steps)
  assert.equal(stampIn(fs), 3)
  assert.deepEqual(done, ['1 to 2', '2 to 3'])
  stampDirectory(fs, DIRECTORY, steps)
  assert.equal(done.length, 2)
})

test('a newer format, and a stamp that is none, are refused', () => {
  const fs = folder()
  for (const [content, code] of [
    [`{"format":${FORMAT + 1}}`, 'NEWER_FORMAT'],
    ['{"format":0}', 'IO'],
    ['{"format":1.5}', 'IO'],
    ['{"format":"1"}', 'IO'],
    ['{}', 'IO'],
    ['', 'IO'],
    ['\0\0\0\0', 'IO'],
  ]) {
    write(fs, content)
    for (const look of [inspectDirectory, stampDirectory])
      assert.throws(
        () => look(fs, DIRECTORY),
        (error) => error instanceof StorageError && error.code === code,
        content,
      )
  }
})
