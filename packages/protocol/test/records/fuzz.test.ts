import assert from 'node:assert/strict'
import { test } from 'node:test'
import { walkFast } from '../../src/records/fast-walk.ts'
import {
  batch,
  Codec,
  checkBatch,
  checkProducedBatch,
  crc32c,
  forEachRecord,
  openRecords,
  RecordBatchBuilder,
  RecordCursor,
  RecordsError,
  walkCompressedRecords,
  walkRecords,
} from '../../src/records/index.ts'
import { NATIVE_OR_NOT, seeded, withNative } from './support.ts'

const CODECS = [Codec.NONE, Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD] as const
const ROUNDS = 1500
const BOUND_BYTES = 256 * 1024
const SEED = 33_007

function valid(codec: Codec): Buffer {
  const builder = new RecordBatchBuilder()
  for (let i = 0; i < 20; i++) {
    const headers = i % 3 === 0 ? [{ key: `h${i}`, value: i % 2 ? null : Buffer.from('header value') }] : null
    builder.append(
      i % 4 ? Buffer.from(`key ${i % 5}`) : null,
      Buffer.alloc(i * 7, 'value '),
      headers,
      1_700_000_000_000 + i,
    )
  }
  return builder.build({ codec, baseOffset: 1000 })
}

/** Interesting values at every width a batch has, random bytes, cuts, and bytes moved. */
function mutate(bytes: Buffer, random: () => number): Buffer {
  const mutated = Buffer.from(bytes)
  if (mutated.length < 9) return mutated
  const at = Math.floor(random() * (mutated.length - 8))
  const extremes = [0, 1, -1, 0x7f, 0x80, 0x7fff, 0x7fff_ffff, -0x8000_0000]
  const extreme = extremes[Math.floor(random() * extremes.length)]
  switch (Math.floor(random() * 7)) {
    case 0:
      mutated[at] ^= 1 << (random() * 8)
      return mutated
    case 1:
      mutated[at] = extreme & 0xff
      return mutated
    case 2:
      mutated.writeInt32BE(extreme, at)
      return mutated
    case 3:
      mutated.writeInt32LE(extreme, at)
      return mutated
    case 4:
      mutated.fill(0xff, at, at + 1 + Math.floor(random() * 7))
      return mutated
    case 5:
      return mutated.subarray(0, at + 8)
    default:
      mutated.copyWithin(at, Math.floor(random() * mutated.length))
      return mutated
  }
}

/** The fast walk and the cursor are two readings of one rule: they must say yes to the same batches. */
function agree(bytes: Buffer, what: string): void {
  for (const requireKeys of [false, true]) {
    const cursor = new RecordCursor()
    openRecords(cursor, bytes, 0, BOUND_BYTES)
    const fast = walkFast(cursor, requireKeys)
    let good = true
    const fastExtremes = [cursor.minTimestampDelta, cursor.maxTimestampDelta]
    const extremes = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    while (cursor.next()) {
      good &&= cursor.offsetDelta === cursor.index && !(requireKeys && cursor.keyBytes === -1)
      extremes[0] = Math.min(extremes[0], cursor.timestampDelta)
      extremes[1] = Math.max(extremes[1], cursor.timestampDelta)
    }
    assert.equal(fast, good && cursor.problem === 0, what)
    if (fast) assert.deepEqual(fastExtremes, extremes, what)
  }
}

for (const [native, words] of NATIVE_OR_NOT) {
  test(`mutated batches meet nothing but names of problems and the typed error, ${words}`, () => {
    withNative(native, () => {
      const random = seeded(SEED)
      let accepted = 0
      let refused = 0
      const attempt = (what: string, run: () => unknown): void => {
        try {
          if (run() === 0) accepted++
          else refused++
        } catch (error) {
          if (!(error instanceof RecordsError)) throw new Error(`${what}: ${error}`, { cause: error })
          refused++
        }
      }
      for (const codec of CODECS) {
        const good = valid(codec)
        for (let round = 0; round < ROUNDS; round++) {
          const what = `codec ${codec}, seed ${SEED}, round ${round}`
          let bytes = mutate(good, random)
          if (random() < 0.3) bytes = mutate(bytes, random)
          // with its own length and sum right, the damage gets further in
          if (random() < 0.8 && bytes.length >= batch.HEADER_BYTES) {
            bytes.writeInt32BE(bytes.length - batch.LOG_OVERHEAD, 8)
            batch.setCrc(bytes, 0, crc32c(bytes, batch.CRC_START, bytes.length))
          }
          attempt(what, () => checkProducedBatch(bytes, 0, bytes.length))
          if (checkBatch(bytes, 0, bytes.length) === 0) {
            attempt(what, () => walkRecords(bytes, 0))
            if (codec === Codec.NONE) agree(bytes, what)
            attempt(what, () => walkCompressedRecords(bytes, 0, BOUND_BYTES, true))
          }
          for (const checkCrc of [true, false]) {
            attempt(what, () => {
              let records = 0
              forEachRecord(bytes, () => records++, { checkCrc, decompressedBytesMax: BOUND_BYTES })
              // a record has seven bytes at least, so no batch yields more than its bytes can hold
              assert.ok(records <= BOUND_BYTES / 7, what)
              return 0
            })
          }
        }
      }
      assert.ok(accepted > ROUNDS && refused > ROUNDS, `${accepted} accepted, ${refused} refused`)
      // everything above lives within one bound per call: nothing piled up
      assert.ok(process.resourceUsage().maxRSS < 400 * 1024, `${process.resourceUsage().maxRSS} KiB resident`)
    })
  })
}

test('the fast walk agrees with the cursor on records damaged anywhere', () => {
  const random = seeded(SEED + 1)
  const builder = new RecordBatchBuilder()
  for (let i = 0; i < 90; i++) {
    const headers = i % 9 === 0 ? [{ key: 'h', value: i % 2 ? null : Buffer.alloc(70) }] : null
    // lengths and deltas of one, two and three bytes
    builder.append(i % 5 ? Buffer.alloc(i) : null, Buffer.alloc(i % 30 ? i : 9000), headers, i * i * 200)
  }
  const good = builder.build()
  agree(good, 'undamaged')
  for (let round = 0; round < 20_000; round++) {
    const at = batch.HEADER_BYTES + Math.floor(random() * (good.length - batch.HEADER_BYTES))
    const before = good[at]
    good[at] = round % 2 ? before ^ (1 << Math.floor(random() * 8)) : random() * 256
    agree(good, `seed ${SEED + 1}, round ${round}, byte ${at}`)
    good[at] = before
  }
})
