import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OffsetIndex } from '../src/index/offset-index.ts'
import { TimeIndex } from '../src/index/time-index.ts'
import { Dice } from './support/random.ts'

test('index files are big endian, byte by byte', () => {
  const offsets = new OffsetIndex()
  offsets.append(3, 0)
  offsets.append(0x01020304, 0x7ffffff0)
  assert.equal(offsets.encode().toString('hex'), '0000000300000000' + '010203047ffffff0')
  const times = new TimeIndex()
  times.maybeAppend(0, 1)
  times.maybeAppend(0xff_fffffffe, 2)
  times.maybeAppend(Number.MAX_SAFE_INTEGER, 0x7fffffff)
  assert.equal(
    times.encode().toString('hex'),
    '000000000000000000000001' + '000000fffffffffe00000002' + '001fffffffffffff7fffffff',
  )
})

test('what is written is read again, from anywhere in a buffer', () => {
  const dice = new Dice(1)
  for (let round = 0; round < 50; round++) {
    const offsets = new OffsetIndex()
    const times = new TimeIndex()
    let [relative, position, timestamp] = [-1, -1, 1]
    for (let i = dice.below(40); i > 0; i--) {
      relative += dice.between(1, 1000)
      position += dice.between(1, 1_000_000)
      timestamp += dice.between(1, 1 << 30) * dice.between(1, 1000)
      offsets.append(relative, position)
      times.maybeAppend(timestamp, relative)
    }
    const skip = dice.below(8)
    const shifted = (bytes: Buffer): Buffer => Buffer.concat([Buffer.alloc(skip, 1), bytes]).subarray(skip)
    const offsetBytes = offsets.encode()
    const timeBytes = times.encode()
    assert.deepEqual(OffsetIndex.decode(shifted(offsetBytes), position + 1)?.encode(), offsetBytes)
    assert.deepEqual(TimeIndex.decode(shifted(timeBytes), relative + 1)?.encode(), timeBytes)
    // Half an entry behind is left off.
    const torn = Buffer.concat([offsetBytes, Buffer.alloc(7, 1)])
    assert.deepEqual(OffsetIndex.decode(torn, position + 1)?.encode(), offsetBytes)
  }
})

test('a time before 1970, a value that is not safe, and what does not rise are damage', () => {
  const entry = (hex: string): Buffer => Buffer.from(hex, 'hex')
  assert.equal(TimeIndex.decode(entry('ffffffffffffffff00000001'), 10), null)
  assert.equal(TimeIndex.decode(entry('002000000000000000000001'), 10), null)
  assert.equal(TimeIndex.decode(entry('00000000000000050000000a'), 10), null)
  assert.equal(OffsetIndex.decode(entry('00000001000000050000000100000006'), 10), null)
  assert.equal(OffsetIndex.decode(entry('000000010000000a'), 10), null)
  assert.equal(OffsetIndex.decode(entry('80000000000000050000000100000006'), 10), null)
})
