import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { ErrorCode, errorInfo, errorName, isRetriable } from '@ottla/protocol'

test('codes and names lead to each other, without a gap from -1 to 136', () => {
  for (let code = -1; code <= 136; code++) {
    const info = errorInfo(code)
    assert.equal(info?.code, code)
    assert.equal(errorName(code), info?.name)
    assert.equal(ErrorCode[info!.name], code)
    assert.match(info!.description, /^[A-Z`].*\.$/)
  }
  assert.equal(Object.keys(ErrorCode).length, 138)
})

/** Of the names from -1 to 136, after `tools/conformance/run.ts` had found them to be those of Apache Kafka 4.4.0. */
const NAMES_SHA256 = 'afe36388fe2d8af5'

test('each name has the code that agreed with Apache Kafka', () => {
  const names = Array.from({ length: 138 }, (_, i) => errorName(i - 1)).join()
  assert.equal(createHash('sha256').update(names).digest('hex').slice(0, 16), NAMES_SHA256)
})

test('a code the protocol does not have', () => {
  for (const code of [-2, 137]) {
    assert.equal(errorInfo(code), undefined)
    assert.equal(errorName(code), `ERROR_${code}`)
    assert.equal(isRetriable(code), false)
  }
})

test('what a client may do', () => {
  assert.equal(isRetriable(ErrorCode.REQUEST_TIMED_OUT), true)
  assert.equal(errorInfo(ErrorCode.REQUEST_TIMED_OUT)?.refreshMetadata, false)
  assert.equal(errorInfo(ErrorCode.NOT_LEADER_OR_FOLLOWER)?.refreshMetadata, true)
  assert.equal(isRetriable(ErrorCode.PRODUCER_FENCED), false)
})
