import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crashImage, crashStates, type DiskImage, SeededRandom, SimDisk, SimScheduler } from '../../src/sim/index.ts'

function recorded(script: (fs: ReturnType<SimDisk['mount']>, disk: SimDisk) => void) {
  const scheduler = new SimScheduler({ seed: 1 })
  const disk = new SimDisk({ scheduler, random: new SeededRandom(1), record: true })
  script(disk.mount(), disk)
  return disk.history()
}

function mountOf(image: DiskImage) {
  const scheduler = new SimScheduler({ seed: 1 })
  return new SimDisk({ scheduler, random: new SeededRandom(1), image }).mount()
}

/** An acknowledged append: the record is there after every crash from the index of its ack on. */
test('what was synced is in every state after it, and no state comes twice', () => {
  const acks: { readonly index: number; readonly size: number }[] = []
  const history = recorded((fs, disk) => {
    fs.mkdir('/log')
    fs.syncDir('/')
    const file = fs.open('/log/0', 'w+')
    fs.syncDir('/log')
    for (let i = 1; i <= 10; i++) {
      file.writeSync(Buffer.alloc(700, i), (i - 1) * 700)
      if (i % 3 === 0) {
        file.syncSync()
        acks.push({ index: disk.historyLength, size: i * 700 })
      }
    }
  })
  const names = new Set<string>()
  for (const state of crashStates(history)) {
    const name = `${state.index} ${state.key}`
    assert.ok(!names.has(name), name)
    names.add(name)
    const fs = mountOf(state.image())
    const acked = acks.findLast((ack) => ack.index <= state.index)
    if (acked === undefined) continue
    const file = fs.open('/log/0', 'r')
    const target = Buffer.alloc(acked.size)
    assert.equal(file.readSync(target, 0, acked.size, 0), acked.size, name)
    for (let at = 0; at < acked.size; at++) assert.equal(target[at], Math.floor(at / 700) + 1, name)
  }
  assert.ok(names.size > 50, String(names.size))
})

test('a state is found again by its index and key, and states do not disturb each other', () => {
  const history = recorded((fs) => {
    const file = fs.open('/a', 'w+')
    for (let i = 0; i < 5; i++) file.writeSync(Buffer.alloc(600, i + 1), i * 600)
    fs.rename('/a', '/b')
  })
  const dump = (image: DiskImage): string => {
    const fs = mountOf(image)
    return fs
      .readdir('/')
      .map((name) => {
        const file = fs.open(`/${name}`, 'r+')
        const target = Buffer.alloc(file.size())
        file.readSync(target, 0, target.length, 0)
        // Damage that the next state must not see.
        file.writeSync(Buffer.alloc(3_000, 0xff), 0)
        return `${name}:${target.toString('base64')}`
      })
      .join()
  }
  const dumps = [...crashStates(history)].map(({ index, key }) => ({ index, key }))
  const first = new Map<string, string>()
  for (const state of crashStates(history)) first.set(`${state.index} ${state.key}`, dump(state.image()))
  assert.equal(first.size, dumps.length)
  for (const { index, key } of dumps.reverse()) {
    assert.equal(dump(crashImage(history, index, key)), first.get(`${index} ${key}`), `${index} ${key}`)
  }
})

test('a crash inside recovery: the history of a disk made from a state starts there', () => {
  const history = recorded((fs) => {
    fs.open('/a', 'w+').writeSync(Buffer.from('abc'), 0)
  })
  let inner = 0
  for (const state of crashStates(history)) {
    const scheduler = new SimScheduler({ seed: 1 })
    const disk = new SimDisk({ scheduler, random: new SeededRandom(1), image: state.image(), record: true })
    const fs = disk.mount()
    const file = fs.open('/a', 'a+')
    file.truncateSync(1)
    file.syncSync()
    fs.syncDir('/')
    const end = disk.historyLength
    for (const again of crashStates(disk.history(), { fromIndex: end })) {
      inner += 1
      assert.equal(mountOf(again.image()).stat('/a')?.size, 1)
    }
  }
  assert.ok(inner >= 4)
})

test('thousands of states of a script with many files are cheap to make', () => {
  const history = recorded((fs) => {
    fs.mkdir('/d')
    for (let i = 0; i < 40; i++) {
      const file = fs.open(`/d/${i}`, 'w+')
      for (let j = 0; j < 4; j++) file.writeSync(Buffer.alloc(900, j), j * 900)
      if (i % 5 === 0) file.syncSync()
      if (i % 7 === 0) fs.syncDir('/d')
      file.close()
    }
  })
  let states = 0
  for (const state of crashStates(history)) {
    const image = state.image()
    assert.ok(image.has(1))
    if (++states === 20_000) break
  }
  assert.equal(states, 20_000)
})
