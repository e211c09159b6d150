import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { File, FileSystem } from '../../src/index.ts'
import { type CrashOptions, SeededRandom, SimDisk, SimScheduler } from '../../src/sim/index.ts'

function diskOf(seed = 1) {
  const scheduler = new SimScheduler({ seed })
  return { scheduler, disk: new SimDisk({ scheduler, random: new SeededRandom(seed) }) }
}

function textAt(fs: FileSystem, path: string): string | null {
  if (!fs.exists(path)) return null
  const file = fs.open(path, 'r')
  const target = Buffer.alloc(file.size())
  file.readSync(target, 0, target.length, 0)
  file.close()
  return target.toString('latin1')
}

function append(file: File, text: string): void {
  file.writeSync(Buffer.from(text, 'latin1'), file.size())
}

/** The texts a power cut leaves of `path` over many seeds. */
function outcomes(crash: CrashOptions, path: string, script: (fs: FileSystem) => void): Set<string | null> {
  const seen = new Set<string | null>()
  for (let seed = 1; seed <= 200; seed++) {
    const { disk } = diskOf(seed)
    script(disk.mount())
    disk.crash(crash)
    seen.add(textAt(disk.mount(), path))
  }
  return seen
}

test('a power cut takes what was not synced; a synced file without a synced folder has no name', () => {
  const script =
    (sync: { file?: boolean; dir?: boolean }) =>
    (fs: FileSystem): void => {
      const file = fs.open('/a', 'w+')
      append(file, 'data')
      if (sync.file) file.syncSync()
      if (sync.dir) fs.syncDir('/')
    }
  const none = { keep: 'none' } as const
  assert.deepEqual(outcomes(none, '/a', script({})), new Set([null]))
  assert.deepEqual(outcomes(none, '/a', script({ file: true })), new Set([null]))
  assert.deepEqual(outcomes(none, '/a', script({ dir: true })), new Set(['']))
  assert.deepEqual(outcomes(none, '/a', script({ file: true, dir: true })), new Set(['data']))
  assert.deepEqual(outcomes({ keep: 'all' }, '/a', script({})), new Set(['data']))
})

test('ordered: of one file a prefix of its writes survives', () => {
  const seen = outcomes({ keep: 'subset', model: 'ordered' }, '/a', (fs) => {
    const file = fs.open('/a', 'w+')
    fs.syncDir('/')
    for (const text of ['a', 'b', 'c']) append(file, text.repeat(512))
  })
  const expected = ['', 'a', 'ab', 'abc'].map((letters) => [...letters].map((l) => l.repeat(512)).join(''))
  assert.deepEqual([...seen].sort(), expected.sort())
})

test('ordered: a torn write keeps its first sectors', () => {
  const seen = outcomes({ keep: 'subset', model: 'ordered' }, '/a', (fs) => {
    const file = fs.open('/a', 'w+')
    fs.syncDir('/')
    append(file, 'x'.repeat(100))
    file.syncSync()
    append(file, 'y'.repeat(2_000))
  })
  const lengths = new Set([...seen].map((text) => text!.length))
  assert.deepEqual(
    [...lengths].sort((x, y) => x - y),
    [100, 512, 1_024, 1_536, 2_048, 2_100],
  )
})

test('arbitrary: later sectors survive without earlier ones, and lengths without data, as zeros', () => {
  const seen = outcomes({ keep: 'subset', model: 'arbitrary' }, '/a', (fs) => {
    const file = fs.open('/a', 'w+')
    fs.syncDir('/')
    for (const text of ['a', 'b', 'c']) append(file, text.repeat(512))
  })
  const shapes = new Set([...seen].map((text) => text!.replace(/(.)\1{511}/gs, '$1').replaceAll('\0', '0')))
  assert.ok(shapes.has('00c') && shapes.has('0b') && shapes.has('abc') && shapes.has(''), [...shapes].join(' '))
  for (const shape of shapes) assert.match(shape, /^(?:[0a](?:[0b](?:[0c])?)?)?$/)
})

test('arbitrary: a sector of a later write carries the earlier writes in the same sector', () => {
  const seen = outcomes({ keep: 'subset', model: 'arbitrary' }, '/a', (fs) => {
    const file = fs.open('/a', 'w+')
    fs.syncDir('/')
    append(file, 'one')
    append(file, 'two')
  })
  for (const text of seen)
    assert.ok(['', 'one', 'onetwo', '\0\0\0', '\0\0\0\0\0\0', 'one\0\0\0'].includes(text!), JSON.stringify(text))
  assert.ok(seen.has('onetwo') && seen.has('one') && seen.has(''))
})

test('a lost truncation takes later data behind the cut with it', () => {
  const script = (fs: FileSystem): void => {
    const file = fs.open('/a', 'w+')
    fs.syncDir('/')
    append(file, 'o'.repeat(2_048))
    file.syncSync()
    file.truncateSync(512)
    append(file, 'n'.repeat(1_024))
  }
  for (const model of ['ordered', 'arbitrary'] as const) {
    for (const text of outcomes({ keep: 'subset', model }, '/a', script)) {
      const old = text === 'o'.repeat(2_048)
      assert.ok(old || /^o{512}(?:[n\0]{512}){0,2}$/.test(text!), `${model} ${text!.length}`)
    }
  }
})

test('rename is atomic: the old or the new, never neither', () => {
  for (const model of ['ordered', 'arbitrary'] as const) {
    const seen = outcomes({ keep: 'subset', model }, '/a', (fs) => {
      const old = fs.open('/a', 'w+')
      append(old, 'old')
      old.syncSync()
      fs.syncDir('/')
      const fresh = fs.open('/a.tmp', 'w+')
      append(fresh, 'new')
      fresh.syncSync()
      fs.rename('/a.tmp', '/a')
    })
    assert.deepEqual(seen, new Set(['old', 'new']))
  }
})

test('rename without syncing the file first may leave the new name with no data: the classic mistake', () => {
  const seen = outcomes({ keep: 'subset', model: 'ordered' }, '/a', (fs) => {
    const old = fs.open('/a', 'w+')
    append(old, 'old')
    old.syncSync()
    fs.syncDir('/')
    const fresh = fs.open('/a.tmp', 'w+')
    append(fresh, 'new')
    fs.rename('/a.tmp', '/a')
    fs.syncDir('/')
  })
  assert.deepEqual(seen, new Set(['', 'new']))
})

test('names in a folder that was never made durable go with it; dependent names survive together', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const { disk } = diskOf(seed)
    const fs = disk.mount()
    fs.mkdir('/p/q')
    fs.open('/p/q/f', 'w+').close()
    fs.rename('/p/q/f', '/p/q/g')
    fs.rename('/p/q/g', '/p/h')
    disk.crash({ keep: 'subset', model: seed % 2 === 0 ? 'ordered' : 'arbitrary' })
    const after = disk.mount()
    const names = ['/p/q/f', '/p/q/g', '/p/h'].filter((path) => after.exists(path))
    assert.ok(names.length <= 1, names.join())
  }
})

test('kill -9 keeps everything written, and in-flight writes may or may not be there', () => {
  const seen = new Set<string | null>()
  for (let seed = 1; seed <= 100; seed++) {
    const { disk, scheduler } = diskOf(seed)
    const fs = disk.mount()
    const file = fs.open('/a', 'w+')
    append(file, 'ab')
    file.writev([Buffer.from('cd')], 2, () => assert.fail('a dead process was called back'))
    file.sync(() => assert.fail('a dead process was called back'))
    file.read(Buffer.alloc(1), 0, 1, 0, () => assert.fail('a dead process was called back'))
    disk.kill()
    scheduler.runSync()
    seen.add(textAt(disk.mount(), '/a'))
    assert.throws(() => fs.exists('/a'), /dead/)
    assert.throws(() => file.size(), /dead/)
    file.close()
  }
  assert.deepEqual([...seen].sort(), ['ab', 'abc', 'abcd'])
})

test('a new process sees no inode of the old one: unlinked open files are gone, numbers are not used twice', () => {
  const { disk } = diskOf()
  const fs = disk.mount()
  const kept = fs.open('/gone', 'w+')
  append(kept, 'secret')
  fs.unlink('/gone')
  disk.kill()
  const again = disk.mount()
  const file = again.open('/new', 'w+')
  assert.equal(file.size(), 0)
  append(file, 'x')
  file.syncSync()
  again.syncDir('/')
  disk.crash({ keep: 'none' })
  const last = disk.mount()
  assert.deepEqual(last.readdir('/'), ['new'])
  assert.equal(textAt(last, '/new'), 'x')
})

test('an asynchronous sync covers what was written before it was asked for, not after', () => {
  const { disk, scheduler } = diskOf()
  const file = disk.mount().open('/a', 'w+')
  append(file, 'before')
  let synced = false
  file.sync((error) => {
    assert.equal(error, null)
    synced = true
  })
  append(file, 'after')
  scheduler.runSync()
  assert.ok(synced)
  assert.equal(disk.pendingChanges, 2, 'the name and the later write')
})

test('a failed sync loses the data for good, though it can be read and the next sync succeeds', () => {
  const { disk } = diskOf()
  const fs = disk.mount()
  const file = fs.open('/a', 'w+')
  fs.syncDir('/')
  append(file, 'kept')
  file.syncSync()
  append(file, 'lost')
  disk.inject({ call: 'sync', path: (path) => path === '/a' })
  assert.throws(
    () => file.syncSync(),
    (error: NodeJS.ErrnoException) => error.code === 'EIO',
  )
  file.syncSync()
  assert.equal(textAt(fs, '/a'), 'keptlost')
  disk.crash({ keep: 'all' })
  assert.equal(textAt(disk.mount(), '/a'), 'kept')
  assert.deepEqual([...disk.faultCounts], [['sync EIO', 1]])
})

test('faults hit the n-th call on the chosen path, as often as asked, and can be disarmed', () => {
  const { disk } = diskOf()
  const fs = disk.mount()
  const log = fs.open('/log', 'w+')
  const index = fs.open('/index', 'w+')
  const disarm = disk.inject({ call: 'write', path: (path) => path === '/log', after: 2, times: 2, code: 'ENOSPC' })
  const failed: boolean[] = []
  for (let i = 0; i < 6; i++) {
    append(index, 'i')
    try {
      append(log, 'l')
      failed.push(false)
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
      failed.push(true)
    }
  }
  assert.deepEqual(failed, [false, false, true, true, false, false])
  disarm()
  const stop = disk.inject({ call: 'open', times: Number.POSITIVE_INFINITY, code: 'EMFILE' })
  assert.throws(
    () => fs.open('/log', 'r'),
    (error: NodeJS.ErrnoException) => error.code === 'EMFILE',
  )
  stop()
  fs.open('/log', 'r').close()
})

test('a full disk writes what fits and says so', () => {
  const { disk } = diskOf()
  disk.capacityBytes = 2_048
  const file = disk.mount().open('/a', 'w+')
  file.writeSync(Buffer.alloc(1_024, 1), 0)
  assert.throws(
    () => file.writeSync(Buffer.alloc(4_096, 2), 1_024),
    (error: NodeJS.ErrnoException) => error.code === 'ENOSPC',
  )
  assert.equal(file.size(), 2_048)
  file.writeSync(Buffer.alloc(1_024, 3), 0)
})

test('bit rot is seen now and after a crash', () => {
  const { disk } = diskOf()
  const fs = disk.mount()
  const file = fs.open('/a', 'w+')
  append(file, 'AAAA')
  file.syncSync()
  fs.syncDir('/')
  disk.flipBits('/a', 2, 0x02)
  assert.equal(textAt(fs, '/a'), 'AACA')
  disk.crash({ keep: 'none' })
  assert.equal(textAt(disk.mount(), '/a'), 'AACA')
})

test('a slow disk answers late', () => {
  const { disk, scheduler } = diskOf()
  disk.slowFactor = 1_000
  const file = disk.mount().open('/a', 'w+')
  let atMs = 0
  file.sync(() => (atMs = scheduler.nowMs))
  scheduler.runSync()
  assert.ok(atMs >= 500)
})

test('a buffer that is reused before its write is done spoils the file, as with a thread pool', () => {
  const { disk, scheduler } = diskOf()
  const fs = disk.mount()
  const buffer = Buffer.from('good')
  fs.open('/a', 'w+').writev([buffer], 0, () => {})
  buffer.write('evil')
  scheduler.runSync()
  assert.equal(textAt(fs, '/a'), 'evil')
})
