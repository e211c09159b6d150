/**
 * What records cost, native modules and their TypeScript twins side by side: `node benchmarks/micro/records.ts`.
 * Each figure is the best of five rounds, so that a busy machine spoils it least.
 */
import {
  batch,
  CODEC_NAMES,
  Codec,
  compress,
  crc32c,
  decompress,
  forEachRecord,
  forgetNative,
  RecordBatchBuilder,
  walkRecords,
} from '@ottla/protocol/records'

const ROUNDS = 5
const ROUND_MS = 150
const NOW = 1_700_000_000_000

/** Nanoseconds of one call. */
function time(run: () => void): number {
  let calls = 1
  let best = Number.POSITIVE_INFINITY
  // the first rounds only find how many calls fill one
  for (let round = -3; round < ROUNDS; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < calls; i++) run()
    const ns = Number(process.hrtime.bigint() - start)
    if (round >= 0) best = Math.min(best, ns / calls)
    calls = Math.max(1, Math.ceil((calls * ROUND_MS * 1e6) / ns))
  }
  return best
}

function withNative(native: boolean, run: () => void): void {
  if (native) delete process.env.OTTLA_NATIVE
  else process.env.OTTLA_NATIVE = '0'
  forgetNative()
  run()
}

const row = (...cells: (string | number)[]): void =>
  console.log(cells.map((cell) => String(cell).padStart(11)).join(' '))
const mbPerS = (bytes: number, ns: number): string => `${Math.round((bytes / ns) * 1000)} MB/s`

/** Lines of JSON with changing numbers: compresses about fivefold with the fast codecs. */
function lines(length: number): Buffer {
  let text = ''
  for (let i = 0; text.length < length; i++) {
    text += `{"id":${i},"user":"user-${(i * 7919) % 5003}","path":"/cart/${i % 211}","ms":${(i * 31) % 977}}\n`
  }
  return Buffer.from(text.slice(0, length))
}

function build(records: number, valueBytes: number): Buffer {
  const builder = new RecordBatchBuilder()
  const values = lines(records * valueBytes)
  for (let i = 0; i < records; i++) {
    builder.append(Buffer.from(`key-${i}`), values.subarray(i * valueBytes, (i + 1) * valueBytes), null, NOW + i)
  }
  return builder.build()
}

console.log('CRC-32C')
for (const bytes of [64, 256, 1024, 16_384, 1_048_576]) {
  const input = lines(bytes)
  for (const native of [true, false]) {
    withNative(native, () => {
      row(
        bytes,
        native ? 'native' : 'twin',
        mbPerS(
          bytes,
          time(() => crc32c(input, 0, bytes)),
        ),
      )
    })
  }
}

console.log('compress and decompress')
for (const bytes of [1024, 16_384, 1_048_576]) {
  const input = lines(bytes)
  for (const codec of [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD] as const) {
    const twinned = codec === Codec.SNAPPY || codec === Codec.LZ4
    for (const native of twinned ? [true, false] : [true]) {
      withNative(native, () => {
        const packed = compress(codec, input)
        row(
          bytes,
          CODEC_NAMES[codec],
          twinned ? (native ? 'native' : 'twin') : 'node:zlib',
          `${(bytes / packed.length).toFixed(1)} : 1`,
          mbPerS(
            bytes,
            time(() => compress(codec, input)),
          ),
          mbPerS(
            bytes,
            time(() => decompress(codec, packed, bytes)),
          ),
        )
      })
    }
  }
}

console.log('records of a 16 KiB and of a 1 MiB batch')
withNative(true, () => {
  for (const [records, valueBytes] of [
    [140, 100],
    [15, 1024],
    [9000, 100],
  ]) {
    const bytes = build(records, valueBytes)
    const sumNs = time(() => crc32c(bytes, batch.CRC_START, bytes.length))
    const walkNs = time(() => walkRecords(bytes, 0))
    let seen = 0
    const readNs = time(() => forEachRecord(bytes, () => seen++, { checkCrc: false }))
    const key = Buffer.from('key-12345')
    const value = lines(valueBytes)
    const builder = new RecordBatchBuilder(bytes.length)
    const buildNs = time(() => {
      for (let i = 0; i < records; i++) builder.append(key, value, null, NOW + i)
      builder.build()
    })
    row(
      `${records} × ${valueBytes} B`,
      `walk ${(walkNs / records).toFixed(1)} ns`,
      `(crc ${(sumNs / records).toFixed(1)} ns)`,
      `read ${(readNs / records).toFixed(0)} ns`,
      `build ${(buildNs / records).toFixed(0)} ns = ${(1000 / (buildNs / records)).toFixed(1)} M records/s`,
    )
  }
})
