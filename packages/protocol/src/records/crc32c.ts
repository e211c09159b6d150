import { nativeCrc32 } from './native.ts'

/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of record batches v2.
 *
 * `seed` is the CRC of the bytes before, so a range may be summed in parts:
 * `crc32c(b, 10, 20, crc32c(b, 0, 10)) === crc32c(b, 0, 20)`. The result is unsigned.
 */
export function crc32c(buffer: Buffer, start: number, end: number, seed = 0): number {
  // Crossing into native code costs about as much as the twin takes for this many bytes.
  if (end - start >= NATIVE_BYTES_MIN) {
    const native = nativeCrc32()
    if (native !== null) return native.crc32c(buffer.subarray(start, end), seed)
  }
  return crc32cTwin(buffer, start, end, seed)
}

const NATIVE_BYTES_MIN = 256
const POLYNOMIAL = 0x82f6_3b78

/** Eight tables of 256: table k advances a byte over k further bytes ("slicing by 8", Kounavis and Berry 2005). */
const tables = new Int32Array(8 * 256)
for (let byte = 0; byte < 256; byte++) {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
  tables[byte] = crc
}
for (let at = 256; at < tables.length; at++) {
  const previous = tables[at - 256]
  tables[at] = (previous >>> 8) ^ tables[previous & 0xff]
}

/** The same in TypeScript, for where the native module does not load, and for short ranges. */
export function crc32cTwin(buffer: Uint8Array, start: number, end: number, seed = 0): number {
  const t = tables
  let crc = ~seed
  let at = start
  for (const last = end - 8; at <= last; at += 8) {
    const low = crc ^ (buffer[at] | (buffer[at + 1] << 8) | (buffer[at + 2] << 16) | (buffer[at + 3] << 24))
    crc =
      t[1792 + (low & 0xff)] ^
      t[1536 + ((low >>> 8) & 0xff)] ^
      t[1280 + ((low >>> 16) & 0xff)] ^
      t[1024 + (low >>> 24)] ^
      t[768 + buffer[at + 4]] ^
      t[512 + buffer[at + 5]] ^
      t[256 + buffer[at + 6]] ^
      t[buffer[at + 7]]
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t[(crc ^ buffer[at]) & 0xff]
  return ~crc >>> 0
}
