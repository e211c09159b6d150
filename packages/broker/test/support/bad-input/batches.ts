import assert from 'node:assert/strict'
import { ErrorCode } from '@ottla/protocol'
import { batch as batches, crc32c } from '@ottla/protocol/records'
import { endOffset, produceTo } from '../admin.ts'
import { batchOf } from '../batches.ts'
import type { BadInput } from './target.ts'

/** Record batches that a producer must not get in. */

function sealed(bytes: Buffer): Buffer {
  batches.setCrc(bytes, 0, crc32c(bytes, batches.CRC_START, bytes.length))
  return bytes
}

/** Two records, changed, with the right CRC again. */
function mangled(change: (batch: Buffer) => void): Buffer {
  const bytes = batchOf(['a', 'b'])
  change(bytes)
  return sealed(bytes)
}

/** One record, made of these bytes. */
function withRecord(...body: readonly number[]): Buffer {
  const header = batchOf(['a']).subarray(0, batches.HEADER_BYTES)
  const bytes = Buffer.concat([header, Buffer.from([2 * body.length, ...body])])
  bytes.writeInt32BE(bytes.length - batches.LOG_OVERHEAD, 8)
  return sealed(bytes)
}

const { CORRUPT_MESSAGE, INVALID_RECORD, INVALID_TIMESTAMP, UNSUPPORTED_COMPRESSION_TYPE } = ErrorCode
const { TRANSACTIONAL_ID_AUTHORIZATION_FAILED, MESSAGE_TOO_LARGE, UNSUPPORTED_FOR_MESSAGE_FORMAT } = ErrorCode
/** Ten bytes and one more that a 64-bit varint may not have. */
const TOO_LONG_VARINT = [...new Array(10).fill(0xff), 0x01]

const BATCHES: Readonly<Record<string, readonly [code: number, records: () => Buffer]>> = {
  'no records at all': [INVALID_RECORD, () => Buffer.alloc(0)],
  'a wrong CRC': [
    CORRUPT_MESSAGE,
    () => {
      const bytes = batchOf(['a', 'b'])
      bytes[70] ^= 1
      return bytes
    },
  ],
  'message format 0': [UNSUPPORTED_FOR_MESSAGE_FORMAT, () => mangled((b) => b.writeInt8(0, 16))],
  'message format 1': [UNSUPPORTED_FOR_MESSAGE_FORMAT, () => mangled((b) => b.writeInt8(1, 16))],
  'message format 3': [CORRUPT_MESSAGE, () => mangled((b) => b.writeInt8(3, 16))],
  'a length beyond the data': [INVALID_RECORD, () => mangled((b) => b.writeInt32BE(b.length, 8))],
  'a length below the data': [
    CORRUPT_MESSAGE,
    () => mangled((b) => b.writeInt32BE(b.length - batches.LOG_OVERHEAD - 1, 8)),
  ],
  'a negative length': [CORRUPT_MESSAGE, () => mangled((b) => b.writeInt32BE(-1, 8))],
  'half a header': [INVALID_RECORD, () => batchOf(['a', 'b']).subarray(0, 50)],
  'a second batch behind it': [INVALID_RECORD, () => Buffer.concat([batchOf(['a']), batchOf(['b'])])],
  'a base offset that is not 0': [INVALID_RECORD, () => mangled((b) => batches.setBaseOffset(b, 0, 7))],
  'a last offset delta that is not the count': [INVALID_RECORD, () => mangled((b) => b.writeInt32BE(7, 23))],
  'a negative last offset delta': [INVALID_RECORD, () => mangled((b) => b.writeInt32BE(-1, 23))],
  'a negative record count': [INVALID_RECORD, () => mangled((b) => b.writeInt32BE(-3, 57))],
  'more records than it has bytes for': [
    INVALID_RECORD,
    () =>
      mangled((b) => {
        b.writeInt32BE(0x7fff_fffe, 23)
        b.writeInt32BE(0x7fff_ffff, 57)
      }),
  ],
  'a control batch': [INVALID_RECORD, () => mangled((b) => batches.setAttributes(b, 0, 0x20))],
  'a transaction nobody has begun': [
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    () => batchOf(['a'], { producerId: 5, producerEpoch: 0, baseSequence: 0, transactional: true }),
  ],
  'an attribute nobody knows': [INVALID_RECORD, () => mangled((b) => batches.setAttributes(b, 0, 0x80))],
  'an unknown codec': [UNSUPPORTED_COMPRESSION_TYPE, () => mangled((b) => batches.setAttributes(b, 0, 5))],
  'the time of the broker': [INVALID_TIMESTAMP, () => mangled((b) => batches.setAttributes(b, 0, 0x08))],
  'a negative producer id': [INVALID_RECORD, () => mangled((b) => batches.writeInt64(b, 43, -2))],
  'a negative producer epoch': [
    INVALID_RECORD,
    () =>
      mangled((b) => {
        batches.writeInt64(b, 43, 5)
        b.writeInt16BE(-1, 51)
      }),
  ],
  'a negative sequence': [INVALID_RECORD, () => batchOf(['a'], { producerId: 5, producerEpoch: 0, baseSequence: -1 })],
  // A record: attributes, timestamp delta, offset delta, key length, value length, headers.
  'a record with a negative offset delta': [INVALID_RECORD, () => withRecord(0, 0, 1, 1, 0, 0)],
  'a record with a negative length': [INVALID_RECORD, () => mangled((b) => b.writeUInt8(1, batches.HEADER_BYTES))],
  'a record with a key of -2 bytes': [INVALID_RECORD, () => withRecord(0, 0, 0, 3, 0, 0)],
  'a record with a value beyond it': [INVALID_RECORD, () => withRecord(0, 0, 0, 1, 0x7e, 0)],
  'a record with a header count of -1': [INVALID_RECORD, () => withRecord(0, 0, 0, 1, 0, 1)],
  'a record with 63 headers in no bytes': [INVALID_RECORD, () => withRecord(0, 0, 0, 1, 0, 0x7e)],
  'a record with a timestamp of eleven bytes': [INVALID_RECORD, () => withRecord(0, ...TOO_LONG_VARINT, 0, 1, 0, 0)],
  'a record with an offset delta of eleven bytes': [
    INVALID_RECORD,
    () => withRecord(0, 0, ...TOO_LONG_VARINT, 1, 0, 0),
  ],
  'bytes behind the last record': [INVALID_RECORD, () => withRecord(0, 0, 0, 1, 0, 0, 0)],
  'more than max.message.bytes': [MESSAGE_TOO_LARGE, () => batchOf(['x'.repeat(1_100_000)])],
}

export const badBatches: readonly BadInput[] = Object.entries(BATCHES).map(([name, [code, records]]) => ({
  name: `a batch: ${name}`,
  outcome: 'refuses by code',
  async play(target) {
    const { client, topic } = await target.topic()
    const { errorCode } = await produceTo(client, topic, records())
    assert.equal(errorCode, code)
    assert.equal(await endOffset(client, topic), 0, 'nothing is stored')
    assert.equal((await produceTo(client, topic, batchOf(['good']))).errorCode, ErrorCode.NONE)
  },
}))
