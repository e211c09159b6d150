import assert from 'node:assert/strict'
import {
  ApiVersionsRequest,
  ApiVersionsResponse,
  ErrorCode,
  FetchRequest,
  FindCoordinatorRequest,
  MetadataRequest,
  MetadataResponse,
  SaslAuthenticateRequest,
  SaslHandshakeRequest,
} from '@ottla/protocol'
import { bytesOf, encoded, frame, header, int16, int32, NOBODY } from './bytes.ts'
import type { BadInput } from './target.ts'

/** Frames and headers that are wrong in themselves. */

const METADATA = 3
const API_VERSIONS = 18

const metadata9 = encoded(MetadataRequest, 9, { topics: [{ name: 'a' }], allowAutoTopicCreation: false })

/** Metadata version 9 for all topics, with this as the tags of its header. */
function tagged(...tags: readonly number[]): Buffer {
  return frame(header(METADATA, 9, Buffer.concat([NOBODY, bytesOf(...tags)])), Buffer.alloc(5))
}

/** Fetch version 16 with its tagged struct of two integers, whose own tags are `inner`. */
function nestedTags(inner: Buffer, outerBytes = 12 + inner.length): Buffer {
  const plain = encoded(FetchRequest, 16, { maxWaitMs: 0, minBytes: 0, topics: [] }).subarray(4, -1)
  return frame(plain, bytesOf(1, 1, outerBytes), Buffer.alloc(12, 0xff), inner)
}

/** Sent as they are; the connection must end without an answer. */
const CLOSING: Readonly<Record<string, () => Buffer>> = {
  'a frame of -1 bytes': () => int32(-1),
  'a frame of 2^31-1 bytes': () => int32(0x7fff_ffff),
  'a frame one byte over the limit': () => int32(104_857_601),
  'an empty frame': () => int32(0),
  'a frame of one byte': () => frame(bytesOf(1)),
  'an unknown API key': () => frame(header(999, 0)),
  'a negative API key': () => frame(header(-1, 0)),
  'an unknown version': () => frame(header(METADATA, 99)),
  'a negative version': () => frame(header(METADATA, -1)),
  'an API that is not advertised': () => frame(header(11, 0)),
  'SASL where there is none': () => encoded(SaslHandshakeRequest, 1, { mechanism: 'PLAIN' }),
  'SASL without a handshake': () => encoded(SaslAuthenticateRequest, 2, { authBytes: Buffer.from('\0a\0b\0\0') }),
  HTTP: () => Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  TLS: () => Buffer.from('160301020001000001fc0303', 'hex'),
  'a TLS alert': () => Buffer.from('15030300020228', 'hex'),
  'a client id that claims 32 KiB': () => frame(header(METADATA, 1, Buffer.concat([int16(0x7fff), bytesOf(0x61)]))),
  'an array count beyond the frame': () => frame(header(METADATA, 1), int32(0x7fff_ffff)),
  'an array count of -2': () => frame(header(METADATA, 1), int32(-2)),
  'a million tags': () => tagged(0xc0, 0x84, 0x3d),
  'a varint of six bytes': () => tagged(0x80, 0x80, 0x80, 0x80, 0x80, 0x01),
  'a varint of eleven bytes': () => tagged(...new Array(10).fill(0xff), 0x01),
  'the same tag twice': () => tagged(2, 5, 0, 5, 0),
  'tags out of order': () => tagged(2, 6, 0, 5, 0),
  'a tag longer than the frame': () => tagged(1, 5, 0x7f),
  'a tag within a tag, longer than it': () => nestedTags(bytesOf(1, 9, 0x7f, 0)),
  'a tag that ends before its content': () => nestedTags(bytesOf(1, 9, 1, 0), 13),
  'null in place of a name': () => frame(header(10, 0), NOBODY),
  'null in place of a compact name': () =>
    frame(encoded(FindCoordinatorRequest, 3, { key: '' }).subarray(4, -3), bytesOf(0, 0, 0)),
}

function closing(name: string, bytes: () => Buffer): BadInput {
  return {
    name,
    outcome: 'closes',
    async play(target) {
      const client = await target.connect()
      client.sendBytes(bytes())
      await target.endOf(client)
    },
  }
}

/** Sent as they are, and legal: the answer has the correlation id of `header`. */
const ANSWERED: Readonly<Record<string, () => Buffer>> = {
  'a client id of 32 KiB': () =>
    frame(header(METADATA, 1, Buffer.concat([int16(0x7fff), Buffer.alloc(0x7fff, 'a')])), int32(0)),
  'a client id that is no UTF-8': () =>
    frame(header(METADATA, 1, Buffer.concat([int16(3), bytesOf(0xff, 0xc0, 0x80)])), int32(0)),
  'tags that nobody knows': () => tagged(2, 5, 1, 0, 6, 0),
  'a tag within a tag': () => nestedTags(bytesOf(1, 9, 1, 0)),
}

function answered(name: string, bytes: () => Buffer): BadInput {
  return {
    name,
    outcome: 'answers',
    async play(target) {
      const client = await target.connect()
      client.sendBytes(bytes())
      assert.equal((await client.receiveFrame())?.readInt32BE(0), 1)
    },
  }
}

export const frames: readonly BadInput[] = [
  ...Object.entries(CLOSING).map(([name, bytes]) => closing(name, bytes)),
  {
    name: 'a request cut at every byte',
    outcome: 'closes',
    othersAnsweredMin: 5,
    async play(target) {
      for (let length = 1; length < metadata9.length - 4; length++) {
        const client = await target.connect()
        client.sendBytes(frame(metadata9.subarray(4, 4 + length)))
        await target.endOf(client, `cut after ${length} bytes`)
      }
    },
  },
  ...Object.entries(ANSWERED).map(([name, bytes]) => answered(name, bytes)),
  {
    name: 'a request byte by byte',
    outcome: 'answers',
    othersAnsweredMin: 5,
    async play(target) {
      const client = await target.connect()
      const other = await target.connect()
      for (const byte of metadata9) {
        client.sendBytes(bytesOf(byte))
        await other.call(MetadataRequest, MetadataResponse, 12, { topics: [] })
      }
      assert.equal((await client.receiveFrame())?.readInt32BE(0), 1)
    },
  },
  {
    // As Apache Kafka does: librdkafka sends some.
    name: 'bytes behind a request',
    outcome: 'answers',
    async play(target) {
      const client = await target.connect()
      client.sendBytes(frame(metadata9.subarray(4), bytesOf(1, 2, 3)))
      const { body } = await client.receive(MetadataResponse, 9)
      assert.equal(body.topics[0].name, 'a')
    },
  },
  {
    name: 'a correlation id twice',
    outcome: 'answers',
    async play(target) {
      const client = await target.connect()
      client.sendBytes(Buffer.concat([metadata9, frame(header(API_VERSIONS, 0, NOBODY, 1)), metadata9]))
      assert.equal((await client.receive(MetadataResponse, 9)).correlationId, 1)
      assert.equal((await client.receive(ApiVersionsResponse, 0)).correlationId, 1)
      assert.equal((await client.receive(MetadataResponse, 9)).correlationId, 1)
    },
  },
  {
    name: 'a null list and an empty one',
    outcome: 'answers',
    async play(target) {
      const { client, topic } = await target.topic()
      const ask = (topics: [] | null) => client.call(MetadataRequest, MetadataResponse, 12, { topics })
      assert.ok((await ask(null)).topics.some(({ name }) => name === topic))
      assert.deepEqual((await ask([])).topics, [])
    },
  },
  {
    name: 'an unknown version of ApiVersions',
    outcome: 'refuses by code',
    async play(target) {
      const client = await target.connect()
      client.sendBytes(frame(header(API_VERSIONS, 1000)))
      // In version 0, with the range.
      const { body } = await client.receive(ApiVersionsResponse, 0)
      assert.equal(body.errorCode, ErrorCode.UNSUPPORTED_VERSION)
      assert.deepEqual(body.apiKeys, [{ apiKey: API_VERSIONS, minVersion: 0, maxVersion: 5 }])
      // The connection lives: the client asks again with what it has learnt.
      const again = await client.call(ApiVersionsRequest, ApiVersionsResponse, 0, {})
      assert.equal(again.errorCode, ErrorCode.NONE)
    },
  },
  {
    name: 'a software name of two words',
    outcome: 'refuses by code',
    async play(target) {
      const client = await target.connect()
      const named = { clientSoftwareName: 'two words', clientSoftwareVersion: '1' }
      const { errorCode } = await client.call(ApiVersionsRequest, ApiVersionsResponse, 3, named)
      assert.equal(errorCode, ErrorCode.INVALID_REQUEST)
    },
  },
]
