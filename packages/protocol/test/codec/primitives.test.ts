import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiVersionsResponse, CodecError, Reader, Writer } from '@ottla/protocol'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const refuses = (code: string) => (error: unknown) => error instanceof CodecError && error.code === code

function written(write: (writer: Writer) => void): string {
  const writer = new Writer(8)
  write(writer)
  return writer.toBuffer().toString('hex')
}

test('unsigned varints', () => {
  const rows: readonly [value: number, bytes: string][] = [
    [0, '00'],
    [1, '01'],
    [127, '7f'],
    [128, '80 01'],
    [300, 'ac 02'],
    [16_383, 'ff 7f'],
    [16_384, '80 80 01'],
    [2 ** 21 - 1, 'ff ff 7f'],
    [2 ** 28, '80 80 80 80 01'],
    [2 ** 31, '80 80 80 80 08'],
    [2 ** 32 - 1, 'ff ff ff ff 0f'],
  ]
  for (const [value, bytes] of rows) {
    assert.equal(
      written((writer) => writer.uvarint(value)),
      bytes.replaceAll(' ', ''),
    )
    assert.equal(new Reader(hex(bytes)).uvarint(), value)
  }
  assert.equal(new Reader(hex('80 00')).uvarint(), 0, 'longer than needed is legal')
  assert.throws(() => new Reader(hex('ff ff ff ff 10')).uvarint(), refuses('VARINT'))
  assert.throws(() => new Reader(hex('ff ff ff ff ff 01')).uvarint(), refuses('VARINT'))
  assert.throws(() => new Reader(hex('80 80')).uvarint(), refuses('TRUNCATED'))
})

test('strings, classic and compact', () => {
  assert.equal(
    written((writer) => writer.string('mü')),
    '00036dc3bc',
  )
  assert.equal(
    written((writer) => writer.compactString('mü')),
    '046dc3bc',
  )
  assert.equal(new Reader(hex('0003 6dc3bc')).string('name'), 'mü')
  assert.equal(new Reader(hex('04 6dc3bc')).compactString('name'), 'mü')
  assert.equal(new Reader(hex('ffff')).nullableString(), null)
  assert.equal(new Reader(hex('00')).nullableCompactString(), null)
  assert.equal(new Reader(hex('01')).nullableCompactString(), '')
  assert.throws(() => new Reader(hex('ffff')).string('name'), refuses('NULL'))
  assert.throws(() => new Reader(hex('00')).compactString('name'), refuses('NULL'))
  assert.throws(() => new Reader(hex('fffe')).nullableString(), refuses('LENGTH'))
  assert.throws(() => new Reader(hex('0004 616263')).string('name'), refuses('TRUNCATED'))
  // 32 768 + 1: one more than a string may have, in both forms.
  assert.throws(() => new Reader(hex('81 80 02')).compactString('name'), refuses('LENGTH'))
  assert.throws(() => new Writer().string('x'.repeat(32_768)), refuses('VALUE'))
  assert.throws(() => new Writer().compactString('x'.repeat(32_768)), refuses('VALUE'))
  assert.equal(new Reader(hex('0002 c328')).string('name'), '\ufffd(', 'bytes that are not UTF-8 are replaced')
})

test('bytes are views on the frame', () => {
  const frame = hex('00000003 010203 04 040506')
  const reader = new Reader(frame)
  const classic = reader.bytes('value')
  const compact = reader.compactBytes('value')
  reader.finish()
  assert.deepEqual([...classic, ...compact], [1, 2, 3, 4, 5, 6])
  assert.equal(classic.buffer, frame.buffer)
  assert.equal(new Reader(hex('ffffffff')).nullableBytes(), null)
  assert.throws(() => new Reader(hex('ffffffff')).bytes('value'), refuses('NULL'))
  assert.throws(() => new Reader(hex('fffffffe')).nullableBytes(), refuses('LENGTH'))
  assert.throws(() => new Reader(hex('7fffffff 00')).bytes('value'), refuses('TRUNCATED'))
})

test('array counts are checked against what the remaining bytes can hold', () => {
  assert.equal(new Reader(hex('00000002 0000')).arrayLength(1), 2)
  assert.throws(() => new Reader(hex('00000003 0000')).arrayLength(1), refuses('LENGTH'))
  assert.throws(() => new Reader(hex('7fffffff 0000')).arrayLength(1), refuses('LENGTH'))
  assert.throws(() => new Reader(hex('fffffffe')).arrayLength(1), refuses('LENGTH'))
  assert.equal(new Reader(hex('ffffffff')).arrayLength(1), -1)
  assert.equal(new Reader(hex('00')).compactArrayLength(4), -1)
  assert.throws(() => new Reader(hex('ff ff ff ff 0f 00')).compactArrayLength(1), refuses('LENGTH'))
})

test('tagged sections', () => {
  const reader = new Reader(hex('02 00 01 aa 05 02 bbcc'))
  reader.skipTaggedFields()
  reader.finish()
  assert.throws(() => new Reader(hex('02 01 00 01 00')).skipTaggedFields(), refuses('TAG'), 'twice')
  assert.throws(() => new Reader(hex('02 02 00 01 00')).skipTaggedFields(), refuses('TAG'), 'descending')
  assert.throws(() => new Reader(hex('01 00 05 aa')).skipTaggedFields(), refuses('TRUNCATED'))
  assert.throws(() => new Reader(hex('03 00 00 01')).skipTaggedFields(), refuses('LENGTH'))
})

test('a tagged field ends where its size says, neither before nor behind', () => {
  // ApiVersions version 3: no error, no keys, no throttling, and as tag 1 an epoch of eight bytes.
  const response = (size: string, content: string) => hex(`0000 01 00000000 01 01 ${size} ${content}`)
  const epoch = '00000000000000 07'
  assert.equal(ApiVersionsResponse.decode(response('08', epoch), 3).finalizedFeaturesEpoch, 7)
  const withUnknown = hex(`0000 01 00000000 02 01 08 ${epoch} 63 02 abcd`)
  assert.equal(ApiVersionsResponse.decode(withUnknown, 3).finalizedFeaturesEpoch, 7)
  assert.throws(() => ApiVersionsResponse.decode(response('09', `${epoch} ff`), 3), refuses('TAG'))
  assert.throws(() => ApiVersionsResponse.decode(response('07', epoch), 3), refuses('TAG'))
  assert.throws(() => ApiVersionsResponse.decode(response('08', '00'), 3), refuses('TRUNCATED'))
})

test('bytes behind a message are refused, however few', () => {
  for (const version of [0, 3]) {
    const whole = ApiVersionsResponse.encode(version, { apiKeys: [{ apiKey: 1, minVersion: 0, maxVersion: 3 }] })
    assert.equal(ApiVersionsResponse.decode(whole, version).apiKeys.length, 1)
    assert.throws(() => ApiVersionsResponse.decode(Buffer.concat([whole, hex('00')]), version), refuses('TRAILING'))
  }
})

test('numbers outside their type are refused when written', () => {
  for (const value of [128, -129, 0.5, Number.NaN]) {
    assert.throws(() => new Writer().int8(value), refuses('VALUE'))
  }
  for (const value of [0x8000, -0x8001]) assert.throws(() => new Writer().int16(value), refuses('VALUE'))
  for (const value of [2 ** 31, -(2 ** 31) - 1]) assert.throws(() => new Writer().int32(value), refuses('VALUE'))
})

test('long byte fields become chunks of their own, short ones are copied', () => {
  const long = Buffer.alloc(1024, 1)
  const writer = new Writer()
  writer.int32(7)
  writer.bytes([Buffer.from([1, 2]), long, Buffer.from([3])])
  writer.int8(9)
  const chunks = writer.finish()
  assert.equal(chunks.length, 3)
  assert.equal(chunks[1], long)
  assert.equal(Buffer.concat(chunks).length, 4 + 4 + 2 + 1024 + 1 + 1)
  assert.equal(Buffer.concat(chunks).readInt32BE(4), 1027)
})

test('the length of a frame is that of all chunks but itself', () => {
  const writer = new Writer(8)
  writer.int32(0)
  writer.bytes(Buffer.alloc(5000))
  writer.string('x'.repeat(600))
  const frame = Buffer.concat(writer.finishFrame())
  assert.equal(frame.readInt32BE(0), frame.length - 4)
})

test('a decoder that would allocate far more than its frame stops', () => {
  const reader = new Reader(Buffer.alloc(100))
  reader.charge(800_000)
  assert.throws(() => reader.charge(100_000), refuses('ALLOCATION'))
})
