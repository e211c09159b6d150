import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readBatches } from '@ottla/protocol/records'
import type { FileSystem } from '@ottla/runtime'
import type { LogConfig } from '../src/index.ts'
import { withCalls } from './support/file-systems.ts'
import { batchOf, type ReadRecord, recordsIn, World } from './support/world.ts'

const compacted: Partial<LogConfig> = {
  cleanupPolicy: { delete: false, compact: true },
  minCleanableDirtyRatio: 0,
  segmentBytes: 800,
}

type Call = 'open' | 'write' | 'rename' | 'unlink' | 'syncDir'

/** Counts the calls that change the disk, from `arm` on, and lets the one with the given number fail. */
class FailingDisk {
  calls = 0
  failed: Call | null = null
  #failing = -1
  #code = ''
  #lasting = false

  /** With `lasting` every later call of the same kind fails too. */
  arm(failing: number, code: string, lasting: boolean): void {
    this.calls = 0
    this.#failing = failing
    this.#code = code
    this.#lasting = lasting
  }

  repair(): void {
    this.#failing = -1
    this.failed = null
  }

  over(fs: FileSystem): FileSystem {
    return withCalls(fs, {
      open: (path, mode) => {
        if (this.#code === 'EMFILE' || mode === 'w+') this.#count('open')
        const file = fs.open(path, mode)
        const writeSync = file.writeSync.bind(file)
        file.writeSync = (source, position) => {
          this.#count('write')
          writeSync(source, position)
        }
        return file
      },
      rename: (from, to) => {
        this.#count('rename')
        fs.rename(from, to)
      },
      unlink: (path) => {
        this.#count('unlink')
        fs.unlink(path)
      },
      syncDir: (path) => {
        this.#count('syncDir')
        fs.syncDir(path)
      },
    })
  }

  #count(call: Call): void {
    // Only what opens something, the wait for a folder too, can run out of descriptors.
    if (this.#code === 'EMFILE' && call !== 'open' && call !== 'syncDir') return
    const number = this.calls++
    if (this.#failing < 0) return
    if (number !== this.#failing && !(this.#lasting && this.failed === call)) return
    this.failed = call
    const syscall = call === 'syncDir' ? (this.#code === 'EMFILE' ? 'open' : 'fsync') : call
    throw Object.assign(new Error(`${this.#code}: ${call}`), { code: this.#code, syscall })
  }
}

/** Newest value by key; every batch can be read. */
function newestValues(world: World): Map<string | null, ReadRecord> {
  const log = world.log()
  const newest = new Map<string | null, ReadRecord>()
  for (let offset = log.logStartOffset; offset < log.writtenEndOffset; ) {
    const bytes = world.read(log, offset)
    assert.ok(Buffer.isBuffer(bytes) && bytes.length > 0, `nothing at ${offset}: ${bytes}`)
    for (const record of recordsIn(bytes)) newest.set(record.key, record)
    for (const batch of readBatches(bytes)) offset = batch.lastOffset + 1
  }
  return newest
}

function clean(world: World): void {
  world.manager.runCleaner()
  world.settle(200)
}

function filledWorld(disk: FailingDisk): World {
  const world = new World({
    config: compacted,
    manager: { tailBytesMax: 0, cleaner: { enable: false } },
    fileSystem: (fs) => disk.over(fs),
  })
  const log = world.createLog()
  for (let i = 0; i < 60; i++) world.append(log, batchOf([{ key: `k${i % 7}`, value: `v${i}${'x'.repeat(80)}` }]))
  world.settle()
  return world
}

for (const lasting of [false, true])
  for (const code of ['ENOSPC', 'EMFILE'])
    test(`${code} at any step of a compaction, ${lasting ? 'lasting' : 'once'}: nothing is lost`, (t) => {
      const failed = new Map<Call, number>()
      for (let failing = 0; ; failing++) {
        const disk = new FailingDisk()
        const world = filledWorld(disk)
        const before = newestValues(world)
        disk.arm(failing, code, lasting)
        clean(world)
        if (disk.failed === null) break
        failed.set(disk.failed, (failed.get(disk.failed) ?? 0) + 1)
        const where = `step ${failing}, ${disk.failed}`
        // What a device says to the wait for it is never taken for a lack of room (S6).
        const broken = disk.failed === 'syncDir' && code !== 'EMFILE'
        disk.repair()
        assert.equal(world.log().offline !== null, broken, where)
        if (!broken) assert.deepEqual(newestValues(world), before, where)
        if (broken || failing % 2 === 0) world.killAndRestart()
        assert.deepEqual(newestValues(world), before, `after ${where}`)
        clean(world)
        assert.deepEqual(newestValues(world), before, `cleaned again after ${where}`)
        const { fs } = world.runtime
        assert.deepEqual(
          fs.readdir(world.log().directory).filter((name) => /cleaned|swap/.test(name)),
          [],
        )
        world.killAndRestart()
        assert.deepEqual(newestValues(world), before, `restarted after ${where}`)
      }
      t.diagnostic([...failed].map(([call, times]) => `${call} ${times}`).join(', '))
      const calls: Call[] = code === 'EMFILE' ? ['open', 'syncDir'] : ['open', 'write', 'rename', 'unlink', 'syncDir']
      for (const call of calls) assert.ok((failed.get(call) ?? 0) > 0, `${call} never failed`)
    })

function truncate(world: World, end: number): undefined {
  const log = world.log()
  assert.equal(
    world.wait((done) => log.truncateTo(end, done)),
    null,
  )
  assert.equal(log.appendEndOffset, end)
}

/** The keys go round, so the newest values are those of the last seven records; but not when what has replaced a record goes. */
const interruptions: Record<string, (world: World) => Promise<unknown> | undefined> = {
  'a truncation': (world) => truncate(world, world.log().core.segments.last.baseOffset),
  'a truncation of what may be clean': (world) => truncate(world, world.log().appendEndOffset - 25),
  'a restart as empty log': (world) => {
    assert.equal(
      world.wait((done) => world.log().truncateFullyAndStartAt(500, done)),
      null,
    )
    return undefined
  },
  'a clean stop': (world) => world.stopAndRestart(),
  'a kill': (world) => {
    world.killAndRestart()
    return undefined
  },
  'a power cut': (world) => {
    world.powerCutAndRestart({ keep: 'subset', model: 'arbitrary' })
    return undefined
  },
  deletion: (world) => {
    world.manager.deleteLog('t', 0)
    world.createLog()
    return undefined
  },
}

for (const [name, interrupt] of Object.entries(interruptions))
  test(`${name} between any two steps of a compaction`, async (t) => {
    let steps = 0
    let midway = 0
    for (let cleaning = true; cleaning; steps++) {
      const world = filledWorld(new FailingDisk())
      world.wait((done) => world.log().flush(done))
      world.manager.runCleaner()
      let left = steps
      world.simulation.scheduler.runSync({ until: () => left-- <= 0 || !world.log().cleaning })
      cleaning = world.log().cleaning
      if (world.runtime.fs.readdir(world.log().directory).some((file) => file.endsWith('.swap'))) midway++
      await interrupt(world)
      world.settle(200)
      assert.equal(world.manager.directories[0].offline, null)
      const log = world.log()
      const [found, end] = [newestValues(world), log.appendEndOffset]
      for (const { offset, key, value } of found.values()) {
        assert.ok(offset < end && key === `k${offset % 7}` && value?.startsWith(`v${offset}x`), `step ${steps}`)
        if (!name.includes('may be clean')) assert.ok(offset >= end - 7, `step ${steps}`)
      }
      if (end === 0 || end === 500) assert.equal(found.size, 0)
      else if (!name.includes('may be clean')) assert.equal(found.size, 7, `step ${steps}`)
      assert.equal(world.append(log, batchOf([{ key: 'k0', value: 'after' }])).errorCode, 0)
      world.settle()
      clean(world)
      found.set('k0', { offset: end, key: 'k0', value: 'after', timestamp: 1 })
      assert.deepEqual(newestValues(world), found, `step ${steps}`)
      world.powerCutAndRestart({ keep: 'all' })
      assert.deepEqual(newestValues(world), found, `step ${steps}`)
    }
    t.diagnostic(`${steps} steps, ${midway} of them within a swap`)
    assert.ok(midway > 20)
  })
