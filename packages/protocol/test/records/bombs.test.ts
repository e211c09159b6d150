import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { Codec, decompress } from '../../src/records/compression/index.ts'
import { xxh32 } from '../../src/records/compression/xxh32.ts'
import { NATIVE_OR_NOT, throwsRecordsError, withNative } from './support.ts'

/**
 * Small inputs that hold, or claim to hold, gigabytes. Alone in its file: the process's high-water mark of resident
 * memory is what shows that nothing was inflated first and refused after.
 */

const MIB = 1024 * 1024

/** A frame of `blocks` blocks, each a single byte repeated over 4 MiB. */
function lz4Bomb(blocks: number): Buffer {
  const matchBytes = 4 * MIB - 6
  const run = Math.floor((matchBytes - 19) / 255)
  const block = Buffer.concat([
    Buffer.from([0x1f, 0x61, 1, 0]),
    Buffer.alloc(run, 255),
    Buffer.from([(matchBytes - 19) % 255, 0x50]),
    Buffer.from('aaaaa'),
  ])
  const header = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0])
  header[6] = (xxh32(header, 4, 6) >>> 8) & 0xff
  const size = Buffer.alloc(4)
  size.writeUInt32LE(block.length)
  return Buffer.concat([header, ...Array.from({ length: blocks }, () => [size, block]).flat(), Buffer.alloc(4)])
}

function snappyBomb(): Buffer {
  // announces 60 MiB, truthfully: a byte, then copies of 64
  const length = 60 * MIB
  const copies = Math.floor((length - 1) / 64)
  const rest = length - 1 - copies * 64
  const header: number[] = []
  for (let left = length; left > 0; left >>>= 7) header.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0))
  const tail = rest > 0 ? [((rest - 1) << 2) | 2, 1, 0] : []
  return Buffer.concat([
    Buffer.from([...header, 0, 0x61]),
    Buffer.alloc(copies * 3, Buffer.from([0xfe, 1, 0])),
    Buffer.from(tail),
  ])
}

const zeros = Buffer.alloc(16 * MIB)
const bombs: ReadonlyArray<readonly [string, Codec, Buffer]> = [
  ['gzip, 2 GiB in 128 members', Codec.GZIP, Buffer.concat(Array(128).fill(gzipSync(zeros)))],
  ['zstd, 2 GiB in 128 frames', Codec.ZSTD, Buffer.concat(Array(128).fill(zstdCompressSync(zeros)))],
  ['lz4, 1 GiB', Codec.LZ4, lz4Bomb(256)],
  ['snappy, 60 MiB', Codec.SNAPPY, snappyBomb()],
  ['snappy, announcing 4 GiB in 12 bytes', Codec.SNAPPY, Buffer.from('ffffffff0ffe0100fe0100fe', 'hex')],
  [
    'snappy in xerial framing, announcing 4 GiB',
    Codec.SNAPPY,
    Buffer.from('82534e4150505900000000010000000100000008ffffffff0ffe0100', 'hex'),
  ],
]

for (const [native, words] of NATIVE_OR_NOT) {
  test(`bombs are refused before they go off, ${words}`, () => {
    withNative(native, () => {
      const before = process.resourceUsage().maxRSS
      for (const [name, codec, bomb] of bombs) {
        throwsRecordsError(() => decompress(codec, bomb, MIB), 'TOO_LARGE', 'CORRUPT')
        const grownMib = (process.resourceUsage().maxRSS - before) / 1024
        assert.ok(grownMib < 16, `${name}: resident memory grew by ${grownMib} MiB`)
      }
    })
  })
}

test('the bombs are what they say: a larger bound lets them through', () => {
  assert.equal(decompress(Codec.LZ4, lz4Bomb(2), 8 * MIB).length, 8 * MIB)
  assert.equal(decompress(Codec.SNAPPY, snappyBomb(), 60 * MIB).length, 60 * MIB)
})

test('a frame of many tiny blocks costs what it holds, not a block’s maximum each', () => {
  const header = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0])
  header[6] = (xxh32(header, 4, 6) >>> 8) & 0xff
  const block = Buffer.from([2, 0, 0, 0, 0x10, 0x61])
  const count = 100_000
  const frame = Buffer.concat([header, Buffer.alloc(block.length * count, block), Buffer.alloc(4)])
  const before = process.resourceUsage().maxRSS
  assert.equal(decompress(Codec.LZ4, frame, MIB).length, count)
  assert.ok((process.resourceUsage().maxRSS - before) / 1024 < 16)
})

test('a zstd frame that asks for a window of 128 MiB takes memory only for what it holds', () => {
  // magic, no content size, window 2^27, one last raw block of a byte
  const frame = Buffer.from('28b52ffd008809000041', 'hex')
  const before = process.resourceUsage().maxRSS
  for (let i = 0; i < 20; i++) assert.equal(decompress(Codec.ZSTD, frame, MIB).toString(), 'A')
  assert.ok((process.resourceUsage().maxRSS - before) / 1024 < 16)
  const wider = Buffer.from(frame)
  wider[5] = 0x90
  throwsRecordsError(() => decompress(Codec.ZSTD, wider, MIB), 'CORRUPT')
})
