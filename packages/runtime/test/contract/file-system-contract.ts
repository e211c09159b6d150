import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { File, FileSystem } from '../../src/index.ts'

/** What a suite needs of one implementation. */
export interface FileSystemUnderTest {
  readonly fs: FileSystem
  /** An existing, empty folder for this test alone. */
  readonly root: string
  /** Waits for the promise; the simulated one runs its events meanwhile. */
  run<T>(promise: Promise<T>): Promise<T>
  close(): void
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

function contentOf(file: File): string {
  const target = Buffer.alloc(file.size())
  assert.equal(file.readSync(target, 0, target.length, 0), target.length)
  return target.toString('latin1')
}

function writev(file: File, sources: readonly Uint8Array[], position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    file.writev(sources, position, (error) => (error === null ? resolve() : reject(error)))
  })
}

function read(file: File, target: Uint8Array, offset: number, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    file.read(target, offset, length, position, (error, count) => (error === null ? resolve(count) : reject(error)))
  })
}

function sync(file: File): Promise<void> {
  return new Promise((resolve, reject) => file.sync((error) => (error === null ? resolve() : reject(error))))
}

function remove(fs: FileSystem, path: string): Promise<void> {
  return new Promise((resolve, reject) => fs.remove(path, (error) => (error === null ? resolve() : reject(error))))
}

function codeIs(code: string) {
  return (error: NodeJS.ErrnoException) => error instanceof Error && error.code === code
}

/** Every implementation of the `FileSystem` port passes this suite. */
export function fileSystemContract(name: string, make: () => FileSystemUnderTest): void {
  const check = (title: string, body: (t: FileSystemUnderTest) => Promise<void> | void): void => {
    test(`${name}: ${title}`, async () => {
      const under = make()
      try {
        await body(under)
      } finally {
        under.close()
      }
    })
  }

  check('open modes create, keep, truncate and refuse', ({ fs, root }) => {
    const path = `${root}/a`
    assert.throws(() => fs.open(path, 'r'), codeIs('ENOENT'))
    assert.throws(() => fs.open(path, 'r+'), codeIs('ENOENT'))
    const created = fs.open(path, 'a+')
    created.writeSync(bytes('hello'), 0)
    created.close()
    assert.throws(() => fs.open(path, 'wx+'), codeIs('EEXIST'))
    for (const mode of ['a+', 'r+', 'r'] as const) {
      const file = fs.open(path, mode)
      assert.equal(contentOf(file), 'hello', mode)
      file.close()
    }
    const emptied = fs.open(path, 'w+')
    assert.equal(emptied.size(), 0)
    emptied.close()
    assert.throws(() => fs.open(`${root}/none/b`, 'a+'), codeIs('ENOENT'))
    assert.throws(() => fs.open(`${path}/b`, 'a+'), codeIs('ENOTDIR'))
    assert.throws(() => fs.open(root, 'r+'), codeIs('EISDIR'))
    assert.throws(() => fs.open(root, 'wx+'), codeIs('EEXIST'))
    const fresh = fs.open(`${root}/c`, 'wx+')
    fresh.writeSync(bytes('x'), 0)
    fresh.close()
  })

  check('a file opened for reading refuses writes', async ({ fs, root, run }) => {
    fs.open(`${root}/a`, 'a+').close()
    const file = fs.open(`${root}/a`, 'r')
    assert.throws(() => file.writeSync(bytes('x'), 0), codeIs('EBADF'))
    assert.throws(() => file.truncateSync(0), codeIs('EINVAL'))
    await assert.rejects(run(writev(file, [bytes('x')], 0)), codeIs('EBADF'))
    file.close()
  })

  check('a+ writes at the position, never at the end', ({ fs, root }) => {
    const first = fs.open(`${root}/a`, 'a+')
    first.writeSync(bytes('abcdef'), 0)
    first.close()
    const file = fs.open(`${root}/a`, 'a+')
    file.writeSync(bytes('XY'), 1)
    assert.equal(contentOf(file), 'aXYdef')
    file.close()
  })

  check('positions are explicit and gaps read as zeros', ({ fs, root }) => {
    const file = fs.open(`${root}/a`, 'w+')
    file.writeSync(bytes('end'), 70_000)
    assert.equal(file.size(), 70_003)
    const target = Buffer.alloc(70_003, 1)
    assert.equal(file.readSync(target, 0, target.length, 0), 70_003)
    assert.ok(target.subarray(0, 70_000).every((b) => b === 0))
    assert.equal(target.toString('latin1', 70_000), 'end')
    file.close()
  })

  check('reads stop at the end and touch only their part of the target', async ({ fs, root, run }) => {
    const file = fs.open(`${root}/a`, 'w+')
    file.writeSync(bytes('0123456789'), 0)
    const target = Buffer.alloc(8, 0x2e)
    assert.equal(file.readSync(target, 2, 4, 8), 2)
    assert.equal(target.toString('latin1'), '..89....')
    assert.equal(file.readSync(target, 0, 8, 10), 0)
    assert.equal(file.readSync(target, 0, 8, 99), 0)
    assert.equal(await run(read(file, target, 1, 3, 0)), 3)
    assert.equal(target.toString('latin1'), '.012....')
    assert.equal(await run(read(file, target, 0, 8, 7)), 3)
    assert.equal(await run(read(file, target, 0, 8, 10)), 0)
    assert.equal(await run(read(file, target, 0, 0, 0)), 0)
    file.close()
  })

  check('gathered writes keep their order, synchronous and asynchronous', async ({ fs, root, run }) => {
    const file = fs.open(`${root}/a`, 'w+')
    file.writevSync([bytes('ab'), bytes(''), bytes('cd'), bytes('e')], 0)
    assert.equal(contentOf(file), 'abcde')
    await run(writev(file, [bytes('12'), bytes('3')], 1))
    assert.equal(contentOf(file), 'a123e')
    await run(writev(file, [bytes('Z')], 5))
    assert.equal(contentOf(file), 'a123eZ')
    await run(writev(file, [], 0))
    await run(writev(file, [bytes('')], 100))
    file.writevSync([], 100)
    file.writeSync(bytes(''), 100)
    assert.equal(contentOf(file), 'a123eZ')
    file.close()
  })

  check('a write of more than is written at once', async ({ fs, root, run }) => {
    const file = fs.open(`${root}/a`, 'w+')
    const sources = [1_500_000, 3, 0, 2_300_000, 700_000].map((length, i) => Buffer.alloc(length, 65 + i))
    const expected = Buffer.concat([bytes('head'), ...sources])
    file.writeSync(bytes('head'), 0)
    await run(writev(file, sources, 4))
    assert.ok(expected.equals(Buffer.from(contentOf(file), 'latin1')))
    file.close()
  })

  check('more buffers than one system call takes', async ({ fs, root, run }) => {
    const sources = Array.from({ length: 2_500 }, (_, i) =>
      bytes(String.fromCharCode(97 + (i % 26)).repeat(1 + (i % 3))),
    )
    const expected = Buffer.concat(sources).toString('latin1')
    const file = fs.open(`${root}/a`, 'w+')
    file.writevSync(sources, 0)
    assert.equal(contentOf(file), expected)
    file.truncateSync(0)
    await run(writev(file, sources, 0))
    assert.equal(contentOf(file), expected)
    file.close()
  })

  check('large writes, beyond what is written inline', async ({ fs, root, run }) => {
    const sources = Array.from({ length: 1_500 }, (_, i) => Buffer.alloc(701, i & 0xff))
    const file = fs.open(`${root}/a`, 'w+')
    await run(writev(file, sources, 3))
    const target = Buffer.alloc(file.size() - 3)
    assert.equal(await run(read(file, target, 0, target.length, 3)), target.length)
    assert.ok(target.equals(Buffer.concat(sources)))
    file.close()
  })

  check('a completion never arrives inside the call', async ({ fs, root, run }) => {
    const file = fs.open(`${root}/a`, 'w+')
    file.writeSync(bytes('abc'), 0)
    const order: string[] = []
    const wrote = new Promise<void>((resolve) => {
      file.writev([bytes('x')], 0, () => {
        order.push('write')
        resolve()
      })
    })
    order.push('after write')
    await run(wrote)
    const readDone = new Promise<void>((resolve) => {
      file.read(Buffer.alloc(3), 0, 3, 0, () => {
        order.push('read')
        resolve()
      })
    })
    order.push('after read')
    await run(readDone)
    const synced = new Promise<void>((resolve) => {
      file.sync(() => {
        order.push('sync')
        resolve()
      })
    })
    order.push('after sync')
    await run(synced)
    assert.deepEqual(order, ['after write', 'write', 'after read', 'read', 'after sync', 'sync'])
    file.close()
  })

  check('truncate shortens, lengthens with zeros, and forgets what it cut', ({ fs, root }) => {
    const file = fs.open(`${root}/a`, 'w+')
    file.writeSync(bytes('abcdef'), 0)
    file.truncateSync(2)
    assert.equal(contentOf(file), 'ab')
    file.truncateSync(5)
    assert.equal(contentOf(file), 'ab\0\0\0')
    file.truncateSync(1_000_000)
    assert.equal(file.size(), 1_000_000)
    file.truncateSync(0)
    file.writeSync(bytes('z'), 3)
    assert.equal(contentOf(file), '\0\0\0z')
    file.close()
  })

  check('sync and close', async ({ fs, root, run }) => {
    const file = fs.open(`${root}/a`, 'w+')
    file.writeSync(bytes('abc'), 0)
    file.syncSync()
    await run(sync(file))
    fs.syncDir(root)
    file.close()
    file.close()
    assert.throws(() => file.size(), /after close/)
    assert.throws(() => file.readSync(Buffer.alloc(1), 0, 1, 0), /after close/)
    assert.throws(() => file.writeSync(bytes('x'), 0), /after close/)
    assert.throws(() => file.writev([bytes('x')], 0, () => assert.fail('called back')), /after close/)
    assert.throws(() => file.sync(() => assert.fail('called back')), /after close/)
  })

  check('stat, exists and sizes', ({ fs, root }) => {
    assert.equal(fs.stat(`${root}/a`), null)
    assert.equal(fs.exists(`${root}/a`), false)
    const file = fs.open(`${root}/a`, 'w+')
    file.writeSync(bytes('abc'), 0)
    const stat = fs.stat(`${root}/a`)
    assert.equal(stat?.kind, 'file')
    assert.equal(stat?.size, 3)
    assert.ok(Number.isFinite(stat?.modifiedMs))
    assert.equal(fs.stat(root)?.kind, 'directory')
    assert.equal(fs.stat(`${root}/a/b`), null)
    assert.equal(fs.exists(`${root}/a/b`), false)
    assert.equal(fs.exists(root), true)
    file.close()
  })

  check('folders: nested creation, sorted listing, removal', ({ fs, root }) => {
    fs.mkdir(`${root}/x/y/z`)
    fs.mkdir(`${root}/x/y/z`)
    for (const name of ['b', 'B', 'a', '10', '9', 'é']) fs.open(`${root}/x/${name}`, 'w+').close()
    assert.deepEqual(fs.readdir(`${root}/x`), ['10', '9', 'B', 'a', 'b', 'y', 'é'])
    assert.throws(() => fs.readdir(`${root}/none`), codeIs('ENOENT'))
    assert.throws(() => fs.readdir(`${root}/x/a`), codeIs('ENOTDIR'))
    assert.throws(() => fs.mkdir(`${root}/x/a`), codeIs('EEXIST'))
    assert.throws(() => fs.mkdir(`${root}/x/a/b`), codeIs('ENOTDIR'))
    assert.throws(() => fs.rmdir(`${root}/x`), codeIs('ENOTEMPTY'))
    assert.throws(() => fs.rmdir(`${root}/x/a`), codeIs('ENOTDIR'))
    fs.rmdir(`${root}/x/y/z`)
    fs.rmdir(`${root}/x/y/z`)
    assert.deepEqual(fs.readdir(`${root}/x/y`), [])
    assert.throws(() => fs.syncDir(`${root}/none`), codeIs('ENOENT'))
  })

  check('unlink removes the name at once and the file after the last handle', ({ fs, root }) => {
    const file = fs.open(`${root}/a`, 'w+')
    file.writeSync(bytes('kept'), 0)
    fs.unlink(`${root}/a`)
    fs.unlink(`${root}/a`)
    assert.equal(fs.exists(`${root}/a`), false)
    assert.equal(contentOf(file), 'kept')
    const other = fs.open(`${root}/a`, 'wx+')
    other.writeSync(bytes('new'), 0)
    assert.equal(contentOf(file), 'kept')
    file.close()
    assert.equal(contentOf(other), 'new')
    other.close()
    fs.mkdir(`${root}/d`)
    assert.throws(
      () => fs.unlink(`${root}/d`),
      (e: NodeJS.ErrnoException) => e.code === 'EISDIR' || e.code === 'EPERM',
    )
  })

  check(
    'remove is an unlink that is not waited for, and tells what would have been thrown',
    async ({ fs, root, run }) => {
      const file = fs.open(`${root}/a`, 'w+')
      file.writeSync(bytes('kept'), 0)
      await run(remove(fs, `${root}/a`))
      assert.equal(fs.exists(`${root}/a`), false)
      assert.equal(contentOf(file), 'kept')
      file.close()
      await run(remove(fs, `${root}/a`))
      fs.mkdir(`${root}/d`)
      await assert.rejects(
        run(remove(fs, `${root}/d`)),
        (e: NodeJS.ErrnoException) => e.code === 'EISDIR' || e.code === 'EPERM',
      )
    },
  )

  check('rename moves, replaces, and handles follow the file', ({ fs, root }) => {
    const file = fs.open(`${root}/a`, 'w+')
    file.writeSync(bytes('one'), 0)
    const old = fs.open(`${root}/b`, 'w+')
    old.writeSync(bytes('two'), 0)
    fs.rename(`${root}/a`, `${root}/b`)
    assert.equal(fs.exists(`${root}/a`), false)
    file.writeSync(bytes('!'), 3)
    const named = fs.open(`${root}/b`, 'r')
    assert.equal(contentOf(named), 'one!')
    assert.equal(contentOf(old), 'two')
    fs.rename(`${root}/b`, `${root}/b`)
    assert.equal(contentOf(named), 'one!')
    for (const f of [file, old, named]) f.close()
    assert.throws(() => fs.rename(`${root}/none`, `${root}/c`), codeIs('ENOENT'))
    assert.throws(() => fs.rename(`${root}/b`, `${root}/none/c`), codeIs('ENOENT'))
    fs.mkdir(`${root}/d/e`)
    assert.throws(() => fs.rename(`${root}/b`, `${root}/d`), codeIs('EISDIR'))
    assert.throws(() => fs.rename(`${root}/d`, `${root}/b`), codeIs('ENOTDIR'))
    assert.throws(() => fs.rename(`${root}/d`, `${root}/d/e/f`), codeIs('EINVAL'))
    fs.mkdir(`${root}/g/h`)
    assert.throws(() => fs.rename(`${root}/d`, `${root}/g`), codeIs('ENOTEMPTY'))
    fs.rename(`${root}/d`, `${root}/g/h`)
    assert.deepEqual(fs.readdir(`${root}/g/h`), ['e'])
    const inside = fs.open(`${root}/g/h/e/f`, 'w+')
    inside.writeSync(bytes('deep'), 0)
    fs.rename(`${root}/g`, `${root}/i`)
    assert.equal(contentOf(inside), 'deep')
    assert.equal(fs.stat(`${root}/i/h/e/f`)?.size, 4)
    inside.close()
    assert.equal(fs.stat(`${root}/i/h/e/f`)?.size, 4)
  })

  check('two handles see one file', ({ fs, root }) => {
    const a = fs.open(`${root}/a`, 'w+')
    const b = fs.open(`${root}/a`, 'r')
    a.writeSync(bytes('abc'), 0)
    assert.equal(contentOf(b), 'abc')
    a.truncateSync(1)
    assert.equal(b.size(), 1)
    a.close()
    assert.equal(contentOf(b), 'a')
    b.close()
  })

  check('free space is a sensible figure', ({ fs, root }) => {
    const { freeBytes, totalBytes } = fs.statfs(root)
    assert.ok(Number.isSafeInteger(freeBytes) && freeBytes > 0)
    assert.ok(freeBytes <= totalBytes)
  })
}
