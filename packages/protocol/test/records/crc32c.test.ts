import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32c, crc32cTwin } from '../../src/records/crc32c.ts'
import { withNative } from './support.ts'

/** From RFC 3720 B.4, and the usual check value. */
const known: ReadonlyArray<readonly [string, Buffer, number]> = [
  ['nothing', Buffer.alloc(0), 0],
  ['123456789', Buffer.from('123456789'), 0xe306_9283],
  ['32 zeros', Buffer.alloc(32), 0x8a91_36aa],
  ['32 ones', Buffer.alloc(32, 0xff), 0x62a8_ab43],
  ['0 to 31', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd_794e],
  ['31 to 0', Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113f_db5c],
]

for (const native of [true, false]) {
  test(`crc32c gives the known sums, ${native ? 'native if it loads' : 'native hidden'}`, () => {
    withNative(native, () => {
      for (const [name, bytes, sum] of known) assert.equal(crc32c(bytes, 0, bytes.length), sum, name)
      // long enough for the native path: the sum of many pieces is the sum of the whole
      const long = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 31 + (i >>> 3)) & 0xff))
      const whole = crc32c(long, 0, long.length)
      for (const cut of [0, 1, 7, 8, 9, 255, 256, 257, 2500, 4999, 5000]) {
        assert.equal(crc32c(long, cut, long.length, crc32c(long, 0, cut)), whole, `cut at ${cut}`)
      }
    })
  })
}

test('the native sum and the TypeScript sum agree on every length and alignment', () => {
  withNative(true, () => {
    const bytes = Buffer.from(Array.from({ length: 1500 }, (_, i) => (i * i * 7 + 13) & 0xff))
    for (let start = 0; start < 9; start++) {
      for (let end = start; end < bytes.length; end += 13) {
        assert.equal(crc32c(bytes, start, end), crc32cTwin(bytes, start, end), `${start}..${end}`)
      }
    }
  })
})
