/** docs/not-done.md lists every API that has a definition and no handler, and no other. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { apis } from '@ottla/protocol'
import { type HandlerDeps, handlerTable } from '../../packages/broker/src/handler-table.ts'

const page = readFileSync(new URL('../../docs/not-done.md', import.meta.url), 'utf8')

/** Stands for whatever a handler is given; nothing is asked of it while the table is made. */
const anything: unknown = new Proxy(() => anything, { get: () => anything, apply: () => anything })

const rows = [...page.matchAll(/^\| (\d[\d, -]*) \| (\w+(?:, \w+)*) \| .* \|$/gm)]

test('the APIs that are not served', () => {
  const served = handlerTable(anything as HandlerDeps)
  const missing = apis.filter(({ key }) => !served.has(key)).map(({ name }) => name)
  const listed = rows.flatMap(([, , names]) => names.split(', '))
  assert.deepEqual(listed.sort(), missing.sort())
})

test('each stands beside its key', () => {
  for (const [, keys, names] of rows) {
    const listed = keys.split(', ').flatMap((range) => {
      const [from, to = from] = range.split('-').map(Number)
      return Array.from({ length: to - from + 1 }, (_, i) => from + i)
    })
    const expected = names.split(', ').map((name) => apis.find((api) => api.name === name)?.key)
    assert.deepEqual(
      listed.sort((a, b) => a - b),
      expected.sort((a, b) => a! - b!),
    )
  }
})
