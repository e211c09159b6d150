import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  BLOCK_BYTES_MIN,
  FrameAssembler,
  type FrameSizeError,
  SMALL_FRAME_BYTES,
  TRUSTED_BYTES_MAX,
} from '../src/frame-assembler.ts'

function framed(...payloads: Uint8Array[]): Buffer {
  return Buffer.concat(
    payloads.flatMap((p) => {
      const size = Buffer.alloc(4)
      size.writeInt32BE(p.length)
      return [size, p]
    }),
  )
}

function collect(maxFrameBytes?: number) {
  const frames: Buffer[] = []
  const errors: FrameSizeError[] = []
  const assembler = new FrameAssembler({
    maxFrameBytes,
    onFrame: (frame) => {
      frames.push(frame)
      return undefined
    },
    onError: (error) => errors.push(error),
  })
  return { frames, errors, assembler }
}

test('frames inside one chunk are views on it', () => {
  const { frames, assembler } = collect()
  const chunk = framed(Buffer.from('one'), Buffer.from(''), Buffer.from('three'))
  assembler.push(chunk)
  assert.deepEqual(frames.map(String), ['one', '', 'three'])
  assert.equal(frames[0].buffer, chunk.buffer)
  assert.equal(frames[2].buffer, chunk.buffer)
  assert.equal(assembler.bufferedBytes, 0)
  assert.equal(assembler.midFrame, false)
})

test('any cutting into chunks gives the same frames', () => {
  const payload = fc.uint8Array({ maxLength: 40 })
  fc.assert(
    fc.property(fc.array(payload, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 30 })), (payloads, cuts) => {
      const { frames, errors, assembler } = collect()
      const bytes = framed(...payloads)
      let at = 0
      for (let i = 0; at < bytes.length; i++) {
        const count = cuts.length === 0 ? 1 : cuts[i % cuts.length]
        assembler.push(Buffer.from(bytes.subarray(at, at + count)))
        at += count
      }
      assert.deepEqual(
        frames.map((f) => f.toString('hex')),
        payloads.map((p) => Buffer.from(p).toString('hex')),
      )
      assert.deepEqual(errors, [])
      assert.equal(assembler.bufferedBytes, 0)
    }),
    { seed: 7001 },
  )
})

/** What a socket does that reads into `readBuffer`, at most `count` bytes at a time. */
function receive(assembler: FrameAssembler, bytes: Buffer, count: number): number {
  const target = assembler.readBuffer()
  const read = Math.min(target.length, count, bytes.length)
  bytes.copy(target, 0, 0, read)
  assembler.push(target.subarray(0, read))
  return read
}

test('read in place, whatever the sizes and the cuts, the frames are the same and stay what they are', () => {
  const sizes = fc.array(fc.oneof(fc.nat(40), fc.integer({ min: 7_000, max: 9_000 }), fc.nat(150_000)), {
    maxLength: 30,
  })
  const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.nat(70_000)), { minLength: 1 })
  fc.assert(
    fc.property(sizes, cuts, fc.nat(5), (lengths, counts, foreignEvery) => {
      const { frames, errors, assembler } = collect()
      const payloads = lengths.map((length, i) => Buffer.alloc(length, i + 1))
      const bytes = framed(...payloads)
      let at = 0
      for (let i = 0; at < bytes.length; i++) {
        const count = Math.max(1, counts[i % counts.length])
        if (foreignEvery > 0 && i % (foreignEvery + 1) === foreignEvery) {
          assembler.push(Buffer.from(bytes.subarray(at, at + count)))
          at += Math.min(count, bytes.length - at)
        } else {
          at += receive(assembler, bytes.subarray(at), count)
        }
      }
      assert.equal(frames.length, payloads.length)
      for (const [i, frame] of frames.entries()) assert.ok(frame.equals(payloads[i]), `frame ${i}`)
      assert.deepEqual(errors, [])
      assert.equal(assembler.bufferedBytes, 0)
      assert.equal(assembler.midFrame, false)
    }),
    { seed: 7002 },
  )
})

test('small frames read in place share a block although they come in pieces', () => {
  const { frames, assembler } = collect()
  const bytes = framed(Buffer.alloc(1000, 1), Buffer.alloc(2000, 2), Buffer.alloc(3000, 3))
  for (let at = 0; at < bytes.length; ) at += receive(assembler, bytes.subarray(at), 700)
  assert.deepEqual(
    frames.map((f) => f.length),
    [1000, 2000, 3000],
  )
  assert.equal(new Set(frames.map((f) => f.buffer)).size, 1)
})

test('what is read ahead of a large frame is little, and so is what an idle connection keeps', () => {
  const { frames, assembler } = collect()
  // A stream of small frames has made the blocks large.
  const small = framed(...Array.from({ length: 100 }, () => Buffer.alloc(16_384, 1)))
  for (let at = 0; at < small.length; ) at += receive(assembler, small.subarray(at), 65_536)
  assert.ok(assembler.readBuffer().length > BLOCK_BYTES_MIN)
  const large = framed(...Array.from({ length: 6 }, (_, i) => Buffer.alloc(1 << 20, i)))
  for (let at = 0; at < large.length; ) {
    at += receive(assembler, large.subarray(at), 1 << 20)
    if (!assembler.midFrame) assert.equal(assembler.readBuffer().length, BLOCK_BYTES_MIN)
  }
  for (let i = 0; i < 6; i++) assert.ok(frames[100 + i].equals(Buffer.alloc(1 << 20, i)))
})

test('memory follows the bytes received, not the bytes announced', () => {
  const { frames, assembler } = collect()
  const announced = 100_000_000
  const size = Buffer.alloc(4)
  size.writeInt32BE(announced)
  assembler.push(size)
  assembler.push(Buffer.alloc(10))
  const held = (assembler as unknown as { partial: Buffer }).partial
  assert.equal(held.length, SMALL_FRAME_BYTES)
  assembler.push(Buffer.alloc(SMALL_FRAME_BYTES))
  assert.equal((assembler as unknown as { partial: Buffer }).partial.length, 2 * SMALL_FRAME_BYTES)
  assert.equal(assembler.bufferedBytes, SMALL_FRAME_BYTES + 10)
  assert.equal(assembler.midFrame, true)
  assert.equal(frames.length, 0)
})

test('a connection that carried a large frame may claim as much again, up to a bound', () => {
  const { frames, assembler } = collect()
  const large = Buffer.alloc(3 * TRUSTED_BYTES_MAX, 7)
  const bytes = framed(large)
  assembler.push(bytes.subarray(0, 100))
  assembler.push(bytes.subarray(100))
  assert.equal(frames.length, 1)
  assert.ok(frames[0].equals(large))
  assembler.push(bytes.subarray(0, 100))
  assert.equal((assembler as unknown as { partial: Buffer }).partial.length, TRUSTED_BYTES_MAX)
})

test('a size that is negative or above the limit ends the stream', () => {
  for (const [value, pattern] of [
    [-1, /announces -1 bytes/],
    [1025, /more than the limit of 1024/],
    [0x16030100, /TLS/],
    [0x47455420, /HTTP/],
  ] as const) {
    const { frames, errors, assembler } = collect(1024)
    const size = Buffer.alloc(4)
    size.writeInt32BE(value)
    assembler.push(Buffer.concat([framed(Buffer.from('ok')), size, Buffer.from('rest')]))
    assembler.push(framed(Buffer.from('more')))
    assert.deepEqual(frames.map(String), ['ok'])
    assert.equal(errors.length, 1)
    assert.equal(errors[0].size, value)
    assert.match(errors[0].message, pattern)
    assert.equal(assembler.bufferedBytes, 0)
  }
})

test('a receiver may stop after any frame and go on later with what is left', () => {
  const frames: string[] = []
  const assembler: FrameAssembler = new FrameAssembler({
    onFrame: (frame) => {
      frames.push(frame.toString())
      return frames.length % 2 !== 0
    },
    onError: assert.fail,
  })
  assembler.push(framed(...['a', 'b', 'c', 'd', 'e'].map((s) => Buffer.from(s))))
  assert.deepEqual(frames, ['a', 'b'])
  assert.equal(assembler.stopped, true)
  assembler.push(framed(Buffer.from('f')).subarray(0, 3))
  assembler.push(framed(Buffer.from('f')).subarray(3))
  assert.deepEqual(frames, ['a', 'b'])
  assert.equal(assembler.bufferedBytes, 20)
  assembler.resume()
  assert.deepEqual(frames, ['a', 'b', 'c', 'd'])
  assembler.resume()
  assert.deepEqual(frames, ['a', 'b', 'c', 'd', 'e', 'f'])
})

test('calls from inside onFrame do not change the order', () => {
  const frames: string[] = []
  const assembler: FrameAssembler = new FrameAssembler({
    onFrame: (frame) => {
      frames.push(frame.toString())
      if (frames.length === 1) assembler.push(framed(Buffer.from('late')))
      if (frames.length === 3) assembler.close()
      return undefined
    },
    onError: assert.fail,
  })
  assembler.push(framed(Buffer.from('1'), Buffer.from('2')))
  assert.deepEqual(frames, ['1', '2', 'late'])
  assembler.push(framed(Buffer.from('3')))
  assert.deepEqual(frames, ['1', '2', 'late'])
})
