/**
 * Index files consist of 32-bit numbers, big endian. They are turned around all at once: number by number, the indexes of
 * a segment of 1 GiB would hold up the event loop for tens of milliseconds at each roll.
 */

const hostIsLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

/** The numbers as a file has them; the array is used up. */
export function toBigEndian(values: Int32Array): Buffer {
  return turned(Buffer.from(values.buffer, values.byteOffset, values.byteLength))
}

/** As many whole numbers as there are. */
export function fromBigEndian(bytes: Buffer): Int32Array {
  const values = new Int32Array(Math.floor(bytes.length / 4))
  const own = Buffer.from(values.buffer)
  bytes.copy(own, 0, 0, own.length)
  turned(own)
  return values
}

function turned(bytes: Buffer): Buffer {
  return hostIsLittleEndian ? bytes.swap32() : bytes
}
