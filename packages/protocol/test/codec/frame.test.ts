import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ApiVersionsRequest,
  ApiVersionsResponse,
  apiByKey,
  apiName,
  apis,
  CodecError,
  ControlledShutdownRequest,
  decodeRequestHeader,
  decodeResponseHeader,
  encodeRequest,
  encodeResponse,
  type Message,
  MetadataRequest,
  MetadataResponse,
  peekRequest,
} from '@ottla/protocol'
import { Random } from '../fuzz/random.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const framed = (chunks: Uint8Array[]) => Buffer.concat(chunks).toString('hex')
const plain = (text: string) => text.replaceAll(' ', '')

test('a classic request has header version 1', () => {
  const frame = encodeRequest(MetadataRequest, 1, 5, 'me', { topics: [{ name: 'a' }] })
  assert.equal(framed(frame), plain('00000013 0003 0001 00000005 0002 6d65 00000001 0001 61'))
})

test('a flexible request has header version 2, whose client id stays classic', () => {
  const frame = encodeRequest(ApiVersionsRequest, 3, 1, null, { clientSoftwareName: 'o', clientSoftwareVersion: '1' })
  assert.equal(framed(frame), plain('00000010 0012 0003 00000001 ffff 00 02 6f 02 31 00'))
})

test('ControlledShutdown version 0 has header version 0, later ones do not', () => {
  const request = { brokerId: 3 }
  assert.equal(
    framed(encodeRequest(ControlledShutdownRequest, 0, 9, 'b', request)),
    plain('0000000c 0007 0000 00000009 00000003'),
  )
  assert.equal(
    framed(encodeRequest(ControlledShutdownRequest, 1, 9, 'b', request)),
    plain('0000000f 0007 0001 00000009 0001 62 00000003'),
  )
  assert.equal(decodeRequestHeader(hex('0007 0000 00000009 00000003')).clientId, null)
  assert.equal(decodeRequestHeader(hex('0007 0001 00000009 0001 62 00000003')).clientId, 'b')
})

test('responses have header version 1 when flexible, but ApiVersions never', () => {
  assert.equal(
    framed(encodeResponse(MetadataResponse, 9, 5, {})),
    plain('00000015 00000005 00 00000000 01 00 ffffffff 01 80000000 00'),
  )
  assert.equal(framed(encodeResponse(ApiVersionsResponse, 3, 5, {})), plain('0000000c 00000005 0000 01 00000000 00'))
})

test('headers come back as they were written', () => {
  for (const { request, response } of apis) {
    for (let version = request.versions.min; version <= request.versions.max; version++) {
      const asked = Buffer.concat(encodeRequest(request, version, 77, 'client', {})).subarray(4)
      assert.deepEqual(peekRequest(asked), { apiKey: request.key, apiVersion: version, correlationId: 77 })
      const header = decodeRequestHeader(asked)
      assert.equal(header.clientId, request.name === 'ControlledShutdownRequest' && version === 0 ? null : 'client')
      request.read(header.reader, version)
      header.reader.finish()
      const answered = Buffer.concat(encodeResponse(response, version, 78, {})).subarray(4)
      const answer = decodeResponseHeader(answered, response, version)
      assert.equal(answer.correlationId, 78)
      response.read(answer.reader, version)
      answer.reader.finish()
    }
  }
})

test('unknown tags in a header are skipped', () => {
  const frame = hex('0012 0003 00000001 ffff 01 07 02 abcd 02 6f 02 31 00')
  const { reader } = decodeRequestHeader(frame)
  assert.equal(ApiVersionsRequest.read(reader, 3).clientSoftwareName, 'o')
  reader.finish()
})

test('a header that is cut short or of no API is refused', () => {
  const whole = Buffer.concat(encodeRequest(MetadataRequest, 9, 1, 'client', {})).subarray(4)
  for (let length = 0; length < 17; length++) {
    assert.throws(() => decodeRequestHeader(whole.subarray(0, length)), CodecError, `${length} bytes`)
  }
  assert.throws(() => decodeRequestHeader(hex('7fff 0000 00000001 ffff')), CodecError)
  assert.throws(() => decodeRequestHeader(hex('ffff 0000 00000001 ffff')), CodecError)
})

test('the table of APIs', () => {
  assert.equal(apiName(1), 'Fetch')
  assert.equal(apiName(999), 'API_999')
  assert.equal(apiByKey(-1), undefined)
  assert.deepEqual(apiByKey(22)?.versions, { min: 0, max: 5 })
  assert.equal(apiByKey(22)?.latestVersionUnstable, true)
  for (const { request, response } of apis) assert.deepEqual(shape(request), shape(response))
})

function shape({ key, versions, flexible }: Message): unknown {
  return { key, versions, flexible }
}

test('damaged frames, headers and all, are refused with the codec’s own error or read', () => {
  const random = new Random(20261122)
  const outcome = { read: 0, refused: 0 }
  const attempt = (what: string, run: () => void): void => {
    try {
      run()
      outcome.read++
    } catch (error) {
      if (!(error instanceof CodecError)) throw new Error(what, { cause: error })
      outcome.refused++
    }
  }
  for (const { request, response } of apis) {
    for (let version = request.versions.min; version <= request.versions.max; version++) {
      const asked = Buffer.concat(encodeRequest(request, version, 77, 'a client', {})).subarray(4)
      const answered = Buffer.concat(encodeResponse(response, version, 78, {})).subarray(4)
      for (let i = 0; i < 100; i++) {
        const damaged = damage(asked, random)
        attempt(`${request.name} ${version}: ${damaged.toString('hex')}`, () => {
          const { reader, apiKey, apiVersion } = decodeRequestHeader(damaged)
          apiByKey(apiKey)?.request.read(reader, apiVersion)
        })
        const reply = damage(answered, random)
        attempt(`${response.name} ${version}: ${reply.toString('hex')}`, () => {
          response.read(decodeResponseHeader(reply, response, version).reader, version)
        })
      }
    }
  }
  assert.ok(outcome.read > 10_000 && outcome.refused > 10_000, JSON.stringify(outcome))
})

/** One byte of the first twenty is another, now and then also cut. */
function damage(frame: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(frame)
  bytes[random.below(Math.min(20, bytes.length))] = random.pick([0, 1, 2, 0x7f, 0x80, 0xff, random.below(256)])
  return random.below(4) === 0 ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes
}
