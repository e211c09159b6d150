import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as protocol from '@ottla/protocol'
import { Message } from '@ottla/protocol'
import { fingerprintLine } from '../../../../tools/conformance/canonical.ts'

/**
 * `fingerprints.txt` is written by `node tools/conformance/run.ts --write`, which does so only after every field of
 * every version has agreed with Apache Kafka's own definitions. A definition that changes since fails here.
 */
const recorded = readFileSync(new URL('fingerprints.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')

const lineOf = new Map(recorded.map((line) => [line.slice(0, line.indexOf(' ')), line]))

test('every definition is the one that agreed with Apache Kafka', () => {
  const messages = Object.values(protocol).filter((value) => value instanceof Message) as Message[]
  for (const message of messages) assert.equal(fingerprintLine(message), lineOf.get(message.name), message.name)
  assert.equal(messages.length, recorded.length)
})
