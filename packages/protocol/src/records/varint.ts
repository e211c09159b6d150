/**
 * The varints inside records: zigzag, unlike the unsigned ones of flexible messages. Little-endian groups of 7 bits, the
 * highest bit of a byte meaning that another follows.
 */

/** Where the varint last read ends; −1 if it did not end before the limit, or is longer than its type. */
export let varintEnd = 0

/** An int32 at `at`, not reading past `limit`. Look at `varintEnd` before the result is used. */
export function readVarint(buffer: Buffer, at: number, limit: number): number {
  let value = 0
  for (let shift = 0; at < limit; shift += 7) {
    const byte = buffer[at++]
    // the fifth byte has room for the upper four bits only
    if (shift === 28 && byte > 0x0f) break
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      varintEnd = at
      return (value >>> 1) ^ -(value & 1)
    }
  }
  varintEnd = -1
  return 0
}

/** An int64 at `at`, not reading past `limit`; beyond ±(2^53-1) it is rounded. Look at `varintEnd` first. */
export function readVarlong(buffer: Buffer, at: number, limit: number): number {
  if (at < limit) {
    const first = buffer[at++]
    // zigzag keeps the sign in the lowest bit; what is above it is the magnitude
    let magnitude = (first >>> 1) & 0x3f
    let scale = 64
    let more = first >= 0x80
    for (let bytes = 1; more && at < limit; bytes++, scale *= 128) {
      const byte = buffer[at++]
      if (bytes === 9 && byte > 1) break
      magnitude += (byte & 0x7f) * scale
      more = byte >= 0x80
    }
    if (!more) {
      varintEnd = at
      return first & 1 ? -magnitude - 1 : magnitude
    }
  }
  varintEnd = -1
  return 0
}

/** Bytes of an int32. */
export function varintBytes(value: number): number {
  const bits = (value << 1) ^ (value >> 31)
  if ((bits & ~0x7f) === 0) return 1
  if ((bits & ~0x3fff) === 0) return 2
  if ((bits & ~0x1f_ffff) === 0) return 3
  return (bits & ~0xfff_ffff) === 0 ? 4 : 5
}

/** Bytes of a safe integer. */
export function varlongBytes(value: number): number {
  if (value === (value | 0)) return varintBytes(value)
  let bytes = 1
  for (let rest = magnitudeOf(value) / 64; rest >= 1; rest /= 128) bytes++
  return bytes
}

/** Writes an int32; returns the position after it. */
export function writeVarint(buffer: Buffer, at: number, value: number): number {
  let bits = (value << 1) ^ (value >> 31)
  while ((bits & ~0x7f) !== 0) {
    buffer[at++] = (bits & 0x7f) | 0x80
    bits >>>= 7
  }
  buffer[at++] = bits
  return at
}

/** Writes a safe integer; returns the position after it. */
export function writeVarlong(buffer: Buffer, at: number, value: number): number {
  if (value === (value | 0)) return writeVarint(buffer, at, value)
  const magnitude = magnitudeOf(value)
  let rest = Math.floor(magnitude / 64)
  buffer[at++] = ((magnitude % 64) << 1) | (value < 0 ? 1 : 0) | (rest > 0 ? 0x80 : 0)
  while (rest > 0) {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    buffer[at++] = rest > 0 ? low | 0x80 : low
  }
  return at
}

const magnitudeOf = (value: number): number => (value < 0 ? -value - 1 : value)
