import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  CODEC_NAMES,
  Codec,
  type CodecName,
  codecByName,
  compress,
  decompress,
  decompressedBytesMax,
  levelsOf,
} from '../../src/records/compression/index.ts'
import { xxh32 } from '../../src/records/compression/xxh32.ts'
import { lines, NATIVE_OR_NOT, noise, seeded, throwsRecordsError, withNative, withSeed } from './support.ts'

const CODECS = [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD] as const

/** `text` `times` times over, compressed by other implementations. */
interface Golden {
  readonly codec: CodecName
  readonly by: string
  readonly text: string
  readonly times: number
  readonly bytes: string
}
const goldens = JSON.parse(readFileSync(new URL('golden-compressed.json', import.meta.url), 'utf8')) as Golden[]

for (const [native, words] of NATIVE_OR_NOT) {
  test(`what other implementations compressed is read, ${words}`, () => {
    withNative(native, () => {
      for (const golden of goldens) {
        const expected = Buffer.from(golden.text.repeat(golden.times))
        const bytes = Buffer.from(golden.bytes, 'base64')
        const codec = codecByName(golden.codec)!
        assert.ok(decompress(codec, bytes, expected.length + 1).equals(expected), golden.by)
        if (expected.length > 1) {
          throwsRecordsError(() => decompress(codec, bytes, expected.length - 1), 'TOO_LARGE')
        }
      }
    })
  })

  test(`every codec round-trips at every awkward size, ${words}`, () => {
    withNative(native, () => {
      const sizes = [0, 1, 2, 4, 5, 12, 13, 14, 64, 255, 511, 512, 513, 4096, 65_535, 65_536, 65_537, 200_000]
      for (const codec of CODECS) {
        for (const size of sizes) {
          for (const input of [Buffer.alloc(size), lines(size), noise(size)]) {
            const packed = compress(codec, input)
            assert.ok(decompress(codec, packed, Math.max(1, size)).equals(input), `${CODEC_NAMES[codec]} ${size}`)
            if (size > 0) {
              assert.ok(
                packed.length <= size + 40 + size / 512,
                `${CODEC_NAMES[codec]} grows ${size} to ${packed.length}`,
              )
            }
          }
        }
      }
    })
  })

  test(`every codec round-trips anything, ${words}`, () => {
    withNative(native, () => {
      // pieces repeated at random distances: what exercises matches, near and far
      const piece = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(300), fc.nat(3000))
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 12 }), fc.constantFrom(...CODECS), (pieces, codec) => {
          const parts = pieces.flatMap(([bytes, times, gap]) => [
            ...Array.from({ length: times }, () => bytes),
            noise(gap, gap),
            bytes,
          ])
          const input = Buffer.concat(parts)
          assert.ok(decompress(codec, compress(codec, input), input.length + 1).equals(input))
        }),
        withSeed({ numRuns: 150 }),
      )
    })
  })

  test(`50 MB, ${words}`, () => {
    withNative(native, () => {
      const input = Buffer.alloc(50_000_000, lines(1_000_000))
      noise(1_000_000).copy(input, 20_000_000)
      for (const codec of native ? CODECS : ([Codec.SNAPPY, Codec.LZ4] as const)) {
        const packed = compress(codec, input)
        assert.ok(packed.length < input.length / 4)
        assert.ok(decompress(codec, packed, input.length).equals(input), CODEC_NAMES[codec])
        throwsRecordsError(() => decompress(codec, packed, input.length - 1), 'TOO_LARGE')
      }
    })
  })

  test(`cut streams are refused at every cut, ${words}`, () => {
    withNative(native, () => {
      const input = lines(3000)
      for (const codec of CODECS) {
        const packed = compress(codec, input)
        for (let cut = 0; cut < packed.length; cut++) {
          // snappy framing may end after any block, so a cut right there holds less and says so only in the records
          const part = packed.subarray(0, cut)
          if (codec === Codec.SNAPPY && cut === 16) assert.equal(decompress(codec, part, 1e6).length, 0)
          else throwsRecordsError(() => decompress(codec, part, 1e6), 'CORRUPT', 'TOO_LARGE')
        }
      }
    })
  })

  test(`damaged streams are refused or decompress within the bound, ${words}`, () => {
    withNative(native, () => {
      const seed = 20_261
      const random = seeded(seed)
      const inputs = [lines(6000), Buffer.alloc(3000, 'abc'), noise(1500)]
      for (const codec of CODECS) {
        for (const input of inputs) {
          const packed = compress(codec, input)
          for (let round = 0; round < 400; round++) {
            const damaged = Buffer.from(packed)
            for (let hits = 1 + random() * 3; hits > 0; hits--)
              damaged[Math.floor(random() * damaged.length)] = random() * 256
            try {
              const output = decompress(codec, damaged, 8000)
              assert.ok(output.length <= 8000)
            } catch (error) {
              const where = `${CODEC_NAMES[codec]}, seed ${seed}, round ${round}`
              throwsRecordsError(
                () => {
                  throw error
                },
                'CORRUPT',
                'TOO_LARGE',
              )
              assert.ok(error instanceof Error, where)
            }
          }
        }
      }
    })
  })
}

test('native and TypeScript read each other', () => {
  for (const codec of [Codec.SNAPPY, Codec.LZ4] as const) {
    for (const input of [lines(100_000), noise(70_000), Buffer.alloc(300_000)]) {
      const byNative = withNative(true, () => compress(codec, input))
      const byTwin = withNative(false, () => compress(codec, input))
      assert.ok(withNative(false, () => decompress(codec, byNative, input.length)).equals(input))
      assert.ok(withNative(true, () => decompress(codec, byTwin, input.length)).equals(input))
    }
  }
})

test('levels: each has an effect, what is outside is refused', () => {
  const input = lines(300_000)
  for (const codec of [Codec.GZIP, Codec.LZ4, Codec.ZSTD] as const) {
    const { min, max } = levelsOf(codec)!
    const low = Math.max(min, 1)
    const fast = compress(codec, input, low)
    const small = compress(codec, input, max)
    assert.ok(small.length < fast.length, CODEC_NAMES[codec])
    assert.ok(decompress(codec, small, input.length).equals(input))
    for (const level of [min - 1, max + 1, 1.5, Number.NaN]) {
      throwsRecordsError(() => compress(codec, input, level), 'VALUE')
    }
  }
  throwsRecordsError(() => compress(Codec.GZIP, input, 0), 'VALUE')
  throwsRecordsError(() => compress(Codec.SNAPPY, input, 1), 'VALUE')
  assert.equal(compress(Codec.NONE, input), input)
})

test('unknown codecs, empty streams and bounds of nothing are refused', () => {
  for (const codec of [5, 6, 7, -1]) throwsRecordsError(() => decompress(codec, Buffer.alloc(8), 100), 'CODEC')
  for (const codec of CODECS) {
    throwsRecordsError(() => decompress(codec, Buffer.alloc(0), 100), 'CORRUPT')
    throwsRecordsError(() => decompress(codec, compress(codec, Buffer.from('x')), 0), 'TOO_LARGE')
  }
  assert.equal(codecByName('zstd'), Codec.ZSTD)
  assert.equal(codecByName('producer'), undefined)
})

test('LZ4 frames: checksums and header bits are looked at', () => {
  const checked = goldens.find((golden) => golden.by.includes('independent 64 KiB blocks, checksums'))!
  const frame = Buffer.from(checked.bytes, 'base64')
  const bound = 1_000_000
  assert.ok(decompress(Codec.LZ4, frame, bound).length > 65_536)
  const damage = (at: number): Buffer => {
    const bytes = Buffer.from(frame)
    bytes[at] ^= 1
    return bytes
  }
  for (const at of [0, 4, 5, 6, 14, frame.length - 1, frame.length - 9]) {
    throwsRecordsError(() => decompress(Codec.LZ4, damage(at), bound), 'CORRUPT')
  }
  throwsRecordsError(() => decompress(Codec.LZ4, Buffer.concat([frame, Buffer.from([0])]), bound), 'CORRUPT')
  // a frame header as Kafka wrote it before format 2: the checksum over the magic too (KIP-57)
  const old = Buffer.from(compress(Codec.LZ4, Buffer.from('x')))
  old[6] = (xxh32(old, 0, 6) >>> 8) & 0xff
  throwsRecordsError(() => decompress(Codec.LZ4, old, bound), 'CORRUPT')
})

test('xxh32 gives the known sums', () => {
  const sum = (text: string): number => xxh32(Buffer.from(text), 0, Buffer.byteLength(text))
  assert.equal(sum(''), 0x02cc_5d05)
  assert.equal(sum('a'), 0x550d_7456)
  assert.equal(sum('abc'), 0x32d1_53ff)
  assert.equal(sum('Nobody inspects the spammish repetition'), 0xe229_3b2f)
})

test('snappy: streams joined by xerial’s writer, raw blocks, and later framing versions', () => {
  const a = compress(Codec.SNAPPY, Buffer.from('first, '))
  const b = compress(Codec.SNAPPY, Buffer.from('second'))
  assert.equal(decompress(Codec.SNAPPY, Buffer.concat([a, b]), 100).toString(), 'first, second')
  assert.equal(decompress(Codec.SNAPPY, a.subarray(20), 100).toString(), 'first, ')
  const later = Buffer.from(a)
  later.writeInt32BE(2, 12)
  throwsRecordsError(() => decompress(Codec.SNAPPY, later, 100), 'CORRUPT')
})

test('the bound follows the message size a topic allows', () => {
  assert.equal(decompressedBytesMax(1000), 100_000)
  assert.equal(decompressedBytesMax(1_048_588), 64 * 1024 * 1024)
  assert.equal(decompressedBytesMax(500_000_000), 500_000_000)
})
