import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  apiByKey,
  decodeRequestHeader,
  decodeResponseHeader,
  encodeRequest,
  encodeResponse,
  type Message,
  type Reader,
} from '@ottla/protocol'

const folder = new URL('frames/', import.meta.url)

for (const file of readdirSync(folder).sort()) {
  const [title, ...lines] = readFileSync(new URL(file, folder), 'utf8').trimEnd().split('\n')
  test(`${title.slice(2)}: ${lines.length} frames come back to the byte`, () => {
    for (const line of lines) {
      const [direction, apiKey, name, version, hex] = line.split(' ')
      const api = apiByKey(Number(apiKey))
      assert.equal(api?.name, name)
      const frame = Buffer.from(hex, 'hex')
      const again =
        direction === 'request' ? request(api!.request, frame) : response(api!.response, Number(version), frame)
      assert.equal(again.toString('hex'), hex, `${direction} ${name} version ${version}`)
    }
  })
}

function request(message: Message, frame: Buffer): Buffer {
  const { apiVersion, correlationId, clientId, reader } = decodeRequestHeader(frame)
  const value = readAll(message, reader, apiVersion)
  return Buffer.concat(encodeRequest(message, apiVersion, correlationId, clientId, value)).subarray(4)
}

function response(message: Message, apiVersion: number, frame: Buffer): Buffer {
  const { correlationId, reader } = decodeResponseHeader(frame, message, apiVersion)
  const value = readAll(message, reader, apiVersion)
  return Buffer.concat(encodeResponse(message, apiVersion, correlationId, value)).subarray(4)
}

function readAll(message: Message, reader: Reader, apiVersion: number): object {
  const value = message.read(reader, apiVersion)
  reader.finish()
  return value
}
