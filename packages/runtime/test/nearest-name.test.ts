import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearestName } from '@ottla/runtime'

test('a name is near that two mistakes, one in a short name, or another spelling lead to', () => {
  const known = ['dir', 'topics', 'headers', 'lingerMs', 'log.segment.bytes']
  for (const [name, meant] of [
    ['header', 'headers'],
    ['heders', 'headers'],
    ['hedder', 'headers'],
    ['topcs', 'topics'],
    ['linger.ms', 'lingerMs'],
    ['LINGERMS', 'lingerMs'],
    ['log.segment.byte', 'log.segment.bytes'],
    ['dirs', 'dir'],
    ['d', null],
    ['ts', null],
    ['', null],
    ['colour', null],
  ] as const) {
    assert.equal(nearestName(name, known), meant, name)
  }
  assert.equal(nearestName('partition', ['partitions', 'configs']), 'partitions')
  assert.equal(nearestName('topics', ['topic', 'topics']), 'topics')
})
