import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryFileSystem } from '../../src/node/index.ts'

const mib = 1024 * 1024

test('the capacity is a bound, and removing files gives the room back', () => {
  const fs = memoryFileSystem({ capacityBytes: 4 * mib })
  const block = Buffer.alloc(mib)
  for (let round = 0; round < 3; round++) {
    const file = fs.open('/a', 'w+')
    for (let i = 0; i < 4; i++) file.writeSync(block, i * mib)
    assert.throws(
      () => file.writeSync(block, 4 * mib),
      (error: NodeJS.ErrnoException) => error.code === 'ENOSPC',
    )
    assert.equal(fs.statfs('/').freeBytes, 0)
    if (round === 0) {
      fs.unlink('/a')
      assert.equal(fs.statfs('/').freeBytes, 0, 'an open file keeps its bytes')
      file.close()
    } else if (round === 1) {
      file.truncateSync(0)
      file.close()
    } else {
      file.close()
      fs.open('/b', 'w+').close()
      fs.rename('/b', '/a')
    }
    assert.equal(fs.statfs('/').freeBytes, 4 * mib)
  }
})

test('preallocated space costs nothing until it is written', () => {
  const fs = memoryFileSystem({ capacityBytes: mib })
  const file = fs.open('/index', 'w+')
  file.truncateSync(10 * mib)
  file.writeSync(Buffer.alloc(8, 1), 0)
  assert.equal(file.size(), 10 * mib)
  assert.ok(fs.statfs('/').freeBytes > mib - 1024)
  file.close()
})

test('a write that fails for space calls back with the error', async () => {
  const fs = memoryFileSystem({ capacityBytes: 10 })
  const file = fs.open('/a', 'w+')
  const error = await new Promise<Error | null>((resolve) => file.writev([Buffer.alloc(11)], 0, resolve))
  assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  file.close()
})
